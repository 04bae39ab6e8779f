"""Find files of Debian's packages where the package is installed, or fetch and unpack them without being root."""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.errors import UserError
from pipeline.store.files import write_atomically

SYSTEM = Path("/")  # where packages are installed
COMMAND_TIMEOUT_S = 300
SUMS = "SHA256SUMS"  # of what was fetched, as `sha256sum` writes it


class NotHereError(Exception):
    """Say in a few words why one way of getting the data did not work."""


@dataclass(frozen=True)
class DebianPackage:
    """Name a package and those of its files that are read, by their paths below `/`."""

    name: str
    files: tuple[str, ...]


def find_or_fetch(package: DebianPackage, cache: Path, say: Callable[[str], None]) -> dict[str, Path]:
    """Return the paths of a package's files on this machine, by their paths in the package.

    Args:
        package: the package to find.
        cache: the folder for what is fetched; what is there whole is not fetched again.
        say: receives a message when the package is fetched.

    Raises:
        UserError: the files are not installed and cannot be fetched.
    """
    if all((SYSTEM / file).is_file() for file in package.files):
        return {file: SYSTEM / file for file in package.files}
    folder = cache / package.name
    if not _is_whole(package, folder):
        say(f"fetching Debian's package {package.name}")
        try:
            contents = fetch(package)
        except (NotHereError, OSError) as error:
            raise UserError(
                f"Debian's package {package.name} is not installed and cannot be fetched: {error}.\nInstall it, or put its "
                f"{_listed(package.files)} below {folder.absolute()}."
            ) from None
        for file, content in contents.items():
            write_atomically(folder / file, content)
        sums = [f"{hashlib.sha256(content).hexdigest()}  {file}\n" for file, content in contents.items()]
        write_atomically(folder / SUMS, "".join(sums).encode())
    return {file: folder / file for file in package.files}


def fetch(package: DebianPackage) -> dict[str, bytes]:
    """Return the contents of the files of a package, by their paths in it.

    The system's package lists stay as they are.

    Raises:
        NotHereError: there are no Debian tools, there is no such package, or it lacks a file.
    """
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise NotHereError(f"no {tool} on this machine")
    with tempfile.TemporaryDirectory(prefix="imagemint-") as temporary:
        work = Path(temporary)
        for folder in ("lists/partial", "cache/archives/partial"):
            (work / folder).mkdir(parents=True)
        private: list[str] = ["-q", "-o", f"Dir::State::lists={work / 'lists'}", "-o", f"Dir::Cache={work / 'cache'}"]
        private += ["-o", "APT::Sandbox::User="]  # the sandbox user cannot enter a private folder
        _run(["apt-get", *private, "update"], work)
        _run(["apt-get", *private, "download", package.name], work)  # apt checks it against the archive's signature
        packages = list(work.glob("*.deb"))
        if len(packages) != 1:
            raise NotHereError("apt-get download left no package")
        _run(["dpkg", "-x", str(packages[0]), str(work / "tree")], work)
        try:
            return {file: (work / "tree" / file).read_bytes() for file in package.files}
        except FileNotFoundError as error:
            raise NotHereError(f"the package lacks {Path(error.filename).name}") from None


def _is_whole(package: DebianPackage, folder: Path) -> bool:
    """Return whether the files are there, and undamaged where they were fetched.

    Files that a user put there have no sums.
    """
    try:
        lines = (folder / SUMS).read_text().splitlines() if (folder / SUMS).is_file() else []
        sums = {file: digest for digest, _, file in (line.partition("  ") for line in lines)}
        digests = {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in package.files}
    except OSError:
        return False
    return all(sums.get(file, digest) == digest for file, digest in digests.items())


def _listed(files: Sequence[str]) -> str:
    return f"{'file' if len(files) == 1 else 'files'} {', '.join(files)}"


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotHereError(f"{command[0]} took more than {COMMAND_TIMEOUT_S} s") from None
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise NotHereError(f"{command[0]} failed: {lines[-1] if lines else f'exit code {done.returncode}'}")
