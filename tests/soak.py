"""What soak tests found, kept in `soak.json` at the root of the checkout; `python -m tests.soak` puts it into docs/benchmarks/.

Tests write nothing into docs/: whoever wants a run's figures there says so.
"""

import json
from typing import Any

from tests.project import ROOT

FOUND = ROOT / "soak.json"
KEPT = ROOT / "docs" / "benchmarks" / "soak.json"


def note(part: str, figures: dict[str, Any]) -> None:
    """Merge the figures of one part into the file; other parts, and other keys of this part, stay as they are."""
    known = json.loads(FOUND.read_text(encoding="utf-8")) if FOUND.exists() else {}
    before = known.get(part, {})
    for key, value in figures.items():
        old = before.get(key)
        before[key] = old | value if isinstance(old, dict) and isinstance(value, dict) else value
    FOUND.write_text(json.dumps({**known, part: before}, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Copy what the last `make soak` found over what docs/benchmarks/ holds."""
    if not FOUND.exists():
        raise SystemExit(f"{FOUND.name} is not there: run `make soak` first.")
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    KEPT.write_text(json.dumps(kept | json.loads(FOUND.read_text(encoding="utf-8")), indent=2) + "\n", encoding="utf-8")
    print(f"{FOUND.name} -> {KEPT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
