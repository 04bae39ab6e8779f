"""The Dockerfile: without faults by its linter, and its steps, one after the other, in a Debian made for it."""

import fnmatch
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser

from tests.project import ROOT, succeed

DOCKERFILE = ROOT / "infra" / "Dockerfile"
RELEASE = "bookworm"
CERTIFICATES, OUR_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt"), "/root/machine.crt"
DEBIANS_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def test_the_linter_finds_nothing() -> None:
    assert succeed("hadolint", str(DOCKERFILE)) == ""


def test_the_base_is_the_debian_of_the_readme() -> None:
    assert DockerfileParser(fileobj=DOCKERFILE.open("rb")).baseimage == f"debian:{RELEASE}-slim"


def context() -> list[str]:
    """What is sent to the build: of the files that git knows those that .dockerignore lets through."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    let_through = [line[1:] for line in lines if line.startswith("!")]
    known = succeed("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    return [name for name in known if any(name == path or name.startswith(f"{path}/") for path in let_through)]


def test_little_is_sent_to_the_build() -> None:
    files = context()
    assert {"pyproject.toml", "constraints.txt", "dvc.yaml", ".dvc/config", "stages/job.py"} <= set(files)
    assert sum((ROOT / name).stat().st_size for name in files) < 2_000_000


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The root of a minimal Debian, with this machine's ways to packages."""
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        pytest.skip("a Debian root is made by debootstrap, as root")
    root = tmp_path_factory.mktemp("debian") / "root"
    succeed("debootstrap", "--variant=minbase", RELEASE, str(root), *mirror(), timeout_s=580)
    for name in ("etc/resolv.conf", "etc/pip.conf"):
        if (Path("/") / name).is_file():
            shutil.copyfile(Path("/") / name, root / name)
    if CERTIFICATES.is_file():  # not where the package ca-certificates puts its own
        shutil.copyfile(CERTIFICATES, root / OUR_CERTIFICATES[1:])
    yield root
    shutil.rmtree(root)


def mirror() -> list[str]:
    """Where this machine has its Debian from."""
    for file in Path("/etc/apt").rglob("*.sources"):
        for line in file.read_text().splitlines():
            if line.startswith("URIs:") and line.rstrip("/").endswith("/debian"):
                return [line.split()[1]]
    return []


def in_root(root: Path, command: str, variables: dict[str, str], user: str = "0:0") -> str:
    """Runs a command there, in a mount namespace of its own with /proc and with the folders that this machine's pip reads."""
    here = {
        name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.lower().endswith("_proxy")
    }
    if CERTIFICATES.is_file():
        here["PIP_CERT"] = OUR_CERTIFICATES
    folders = " ".join(f"{folder}" for folder in pip_folders(here))
    inside = f"""
set -e
mount -t proc proc {root}/proc
for folder in {folders}; do mkdir -p {root}$folder; mount --bind $folder {root}$folder; done
exec chroot --userspec={user} {root} /bin/bash -o pipefail -c "$1"
"""
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", inside, "_", command],
        env={"PATH": DEBIANS_PATH, "HOME": "/tmp", **here, **variables},
        capture_output=True, text=True, timeout=580, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def pip_folders(variables: dict[str, str]) -> list[str]:
    told = [*variables.values(), *succeed("pip", "config", "list").replace("'", " ").split()]
    places = {place.removeprefix("file://") for value in told for place in value.replace("\\n", " ").split()}
    return sorted(place for place in places if place.startswith("/") and Path(place).is_dir())


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_steps_make_a_root_in_which_everything_is_there(debian: Path) -> None:
    variables: dict[str, str] = {"TORCH_INDEX": ""}
    user = "0:0"
    for step in DockerfileParser(fileobj=DOCKERFILE.open("rb")).structure:
        value = step["value"]
        match step["instruction"]:
            case "RUN":
                in_root(debian, value, variables)
            case "ENV":
                for word in value.split():
                    name, _, content = word.partition("=")
                    variables[name] = content.replace("$PATH", DEBIANS_PATH)
            case "COPY":
                *sources, target = value.split()
                for name in context():
                    if sources == ["."] or any(fnmatch.fnmatch(name, source) for source in sources):
                        (debian / target[1:] / name).parent.mkdir(parents=True, exist_ok=True)
                        shutil.copyfile(ROOT / name, debian / target[1:] / name)
            case "USER":
                user = value
    assert user != "0:0"
    said = in_root(debian, "cd /opt/imagemint && imagemint --version && python -c 'import ray, torch, stages.job' && id -u", variables, user)  # fmt: skip
    assert said.startswith("imagemint ")
    assert said.split()[-1] == "1000"
