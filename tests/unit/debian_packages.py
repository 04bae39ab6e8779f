"""A machine whose `apt-get` knows the packages that a test builds, and nothing else."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

# Leaves a trace of every call; "downloads" the package that stands beside it, if there is one.
APT_GET = """#!/bin/sh
here=$(dirname "$0")
echo "$@" >> "$here/calls"
for last; do :; done
case "$*" in
  *" update") exit 0;;
  *" download "*)
    test -f "$here/$last.deb" && exec cp "$here/$last.deb" "./${last}_1_all.deb"
    echo "E: Unable to locate package $last" >&2; exit 100;;
esac
exit 2
"""


@dataclass(frozen=True)
class Apt:
    """The folder of `apt-get`, and what it was called with."""

    folder: Path

    @property
    def calls(self) -> list[str]:
        calls = self.folder / "calls"
        return calls.read_text().splitlines() if calls.exists() else []

    def offer(self, package: str, files: Mapping[str, bytes]) -> None:
        """Makes a real Debian package of files by their paths below `/`."""
        if shutil.which("dpkg-deb") is None:
            pytest.skip("no dpkg-deb on this machine")
        tree = self.folder / f"tree-{package}"
        shutil.rmtree(tree, ignore_errors=True)
        (tree / "DEBIAN").mkdir(parents=True)
        for folder in (tree, tree / "DEBIAN"):
            folder.chmod(0o755)
        control = f"Package: {package}\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: small\n"
        (tree / "DEBIAN" / "control").write_text(control)
        for name, content in files.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes(content)
        target = self.folder / f"{package}.deb"
        build = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(target)]
        subprocess.run(build, check=True, capture_output=True)


def apt_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Apt:
    """Puts an `apt-get` of the test's own before the machine's."""
    folder.mkdir()
    (folder / "apt-get").write_text(APT_GET)
    (folder / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return Apt(folder)
