"""A checkout of the project for tests to work in."""

import shutil
import subprocess
from pathlib import Path

import yaml

from tests.project import ROOT, succeed


def small_checkout(folder: Path) -> Path:
    """A fresh git checkout of the project as it stands here, without a commit, with `digits` active and cut short."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and name != "dvc.lock":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    preset = folder / "conf" / "digits.yaml"
    config = yaml.safe_load(preset.read_text())
    config["embed"]["total_images"] = config["audit"]["total_images"] = 12800
    config["train"] |= {"total_images": 6400, "checkpoint_every_images": 6400}
    config["sample"] |= {"count": 2000, "shard_size": 1000}
    config["gates"] = {"tstr_accuracy": {"min": 0.2}, "train_copies": {"max": 0}}
    preset.write_text(yaml.safe_dump(config))
    (folder / "conf" / "active.yaml").write_text("preset: digits\n")
    git(folder, "init", "--quiet")
    git(folder, "config", "user.email", "test@localhost")
    git(folder, "config", "user.name", "test")
    return folder


def git(folder: Path, *arguments: str) -> str:
    """Runs git there; returns its standard output."""
    return succeed("git", *arguments, cwd=folder)
