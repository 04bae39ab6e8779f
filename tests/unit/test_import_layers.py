"""Imports go one way and lead to no circle, and the training core needs torch alone."""

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import ROOT

ARCHITECTURE = ROOT / "docs" / "architecture.md"


def floors() -> dict[str, int]:
    """Return the floor of each room, from the table in docs/architecture.md; the top floor is 1."""
    rows = re.findall(r"(?m)^\| (\d+) \| `(?:pipeline/)?(\w+)(?:/|\.py)` \|", ARCHITECTURE.read_text())
    return {room: int(floor) for floor, room in rows}


FLOOR_OF = floors()
ON_RAY = {"cluster", "jobs", "sampling_on_ray", "training_on_ray"}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names


def room(module: str) -> str:
    parts = module.split(".")
    return parts[0] if parts[0] == "stages" or len(parts) == 1 else parts[1]


SOURCES = sorted([ROOT / "imagemint.py", *ROOT.glob("pipeline/**/*.py"), *ROOT.glob("stages/**/*.py")])


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_every_room_stands_in_the_table_of_the_docs_and_no_other() -> None:
    rooms = {room(name_of(path)) for path in SOURCES} - {"pipeline"}
    assert FLOOR_OF.keys() == rooms, f"{ARCHITECTURE}: the table is to list these rooms"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_the_house(path: Path) -> None:
    here = room(name_of(path))
    for module in imported(path):
        if module.startswith(("pipeline.", "stages.")):
            there = room(module)
            assert there == here or FLOOR_OF[there] > FLOOR_OF[here], module


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_ray_is_imported_in_its_rooms_alone(path: Path) -> None:
    if room(name_of(path)) not in ON_RAY:
        assert not {module for module in imported(path) if module.split(".")[0] == "ray"}


def test_no_module_imports_itself_through_others() -> None:
    names = {name_of(path) for path in SOURCES}
    graph = {name_of(path): (imported(path) & names) - {name_of(path)} for path in SOURCES}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError with the circle


# What works on a machine that has torch alone: the algorithm, all networks, the loop, checkpoints.
CORE = [
    *(name_of(path) for path in ROOT.glob("pipeline/training/**/*.py")),
    "pipeline.models.pair",  # and with it every architecture
    "pipeline.models.generate",
]
NOT_THERE = {
    "cv2", "dvc", "matplotlib", "numpy", "pyarrow", "pydantic", "ray", "safetensors", "scipy", "sklearn", "tensorboard",
    "webdataset", "yaml",
}  # fmt: skip


def test_the_training_core_imports_torch_and_no_more() -> None:
    """Run in a fresh interpreter in which everything else of the environment is out of reach."""
    code = f"""
import sys
from importlib import import_module
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {NOT_THERE!r}:
            raise ModuleNotFoundError(f"the training core wants {{name}}")
sys.meta_path.insert(0, Refuse())
for module in {sorted(CORE)!r}:
    import_module(module)
assert "pipeline.training.trainer" in sys.modules and "pipeline.models.resnet" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_config_and_what_it_loads_import_nothing_heavy() -> None:
    """Each filter is a module that may be imported first, too: the config, which loads it, must not be needed for that."""
    filters = [name_of(path) for path in ROOT.glob("pipeline/sampling/filters/kinds/[!_]*.py")]
    assert len(filters) >= 2
    for module in ("pipeline.config", *filters):
        code = f"import sys, {module}; print(*sorted({{'torch', 'numpy', 'ray', 'scipy'}} & sys.modules.keys()))"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "\n", ""), module
