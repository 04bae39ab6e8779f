"""Run the DVC stages, one module each: parse, call the pipeline, write what it returns."""

import importlib.util

if importlib.util.find_spec("torch") is None:
    raise SystemExit(
        "This Python lacks imagemint's packages: run `make test` or `make repro` once, then `source .venv/bin/activate`."
    )
