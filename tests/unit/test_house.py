"""Imports go one way, and the training core needs torch alone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import ROOT

# Higher floors may import lower ones; rooms on one floor do not know each other.
FLOORS = [
    {"stages", "console"},
    {"doctor", "forecast", "jobs", "release"},
    {"report"},
    {"evaluation", "sampling", "training"},
    {"embedding", "models", "data", "cluster", "fan_out", "ray_metrics"},
    {"mirror", "shared"},
    {"growth", "lease", "nodes", "worktime"},
    {"folders"},
    {"storage", "fingerprint", "config", "log", "head", "worker_command"},
    {"errors", "cpu"},
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# An embedder is a model, and takes its precision and layout from there.
SAME_FLOOR = {("embedding", "models")}
BINDINGS = {
    "ray_train.py", "ray_progress.py", "ray_data.py", "ray_trouble.py", "ray_metrics.py", "cluster.py", "nodes.py", "growth.py", "fan_out.py", "submit.py",
}  # fmt: skip


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
    return parts[0] if parts[0] == "stages" else parts[1] if len(parts) > 1 else "errors"


SOURCES = sorted([*ROOT.glob("pipeline/**/*.py"), *ROOT.glob("stages/*.py")])


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_the_house(path: Path) -> None:
    here = room(".".join(path.relative_to(ROOT).with_suffix("").parts))
    for module in imported(path):
        if not module.startswith(("pipeline.", "stages.")):
            continue
        there = room(module)
        assert there == here or (here, there) in SAME_FLOOR or FLOOR_OF[there] > FLOOR_OF[here], module


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_ray_is_bound_by_the_files_named_after_it(path: Path) -> None:
    if path.name not in BINDINGS:
        assert not {module for module in imported(path) if module.split(".")[0] == "ray"}


# What works on a machine that has torch alone: the algorithm, all networks, the loop, checkpoints.
BOUND_TO_MORE = {"ray_train", "ray_progress", "progress", "tensorboard"}
CORE = [
    *(
        f"pipeline.training.{path.stem}"
        for path in ROOT.glob("pipeline/training/*.py")
        if path.stem not in BOUND_TO_MORE
    ),
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
