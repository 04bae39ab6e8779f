"""Find Fashion-MNIST in the installed folder, in Debian's package, or at its published address, in this order."""

import gzip
import hashlib
import http.client
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.base.errors import UserError
from pipeline.data.kinds import kind_of
from pipeline.data.sources.debian import DebianPackage, NotHereError, fetch
from pipeline.data.sources.idx import IDX_FILES
from pipeline.data.sources.kinds.idx import list_idx
from pipeline.data.sources.source import Listing, Request
from pipeline.store.files import write_atomically
from pipeline.store.local import LocalFolder

DIGESTS = {  # SHA-256 of the uncompressed files
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
CLASSES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
DOWNLOAD_TIMEOUT_S = 60


@dataclass(frozen=True)
class Published:
    """Describe where a well-known dataset can be found."""

    title: str
    installed: Path  # the folder that Debian's package installs
    debian_package: str
    address: str  # + file name + ".gz"


FASHION_MNIST = Published(
    "Fashion-MNIST",
    Path("/usr/share/datasets/fashion-mnist"),
    "dataset-fashion-mnist",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)


def list_images(request: Request) -> Listing:
    """List 60,000 + 10,000 grey images of 28x28 px in ten classes."""
    folder = find_or_fetch(FASHION_MNIST, request.downloads / "fashion-mnist", DIGESTS, request.say)
    listing, digests = list_idx(LocalFolder(folder), str(folder), transposed=False)
    for name, digest in digests.items():
        if digest != DIGESTS[name]:
            raise UserError(
                f"{folder}/{name}: its content has SHA-256 {digest}, that of Fashion-MNIST has {DIGESTS[name]}. Get the file again, "
                "or, if the data is your own, set data.source.path to its folder."
            )
    return replace(listing, classes=CLASSES, name=FASHION_MNIST.title, licence="MIT")


def find_or_fetch(source: Published, cache: Path, digests: dict[str, str] | None, say: Callable[[str], None]) -> Path:
    """Return a folder with the four IDX files of a published dataset.

    Args:
        source: where the dataset can be found.
        cache: the folder for what is fetched; what is there is not fetched again.
        digests: SHA-256 of each uncompressed file, by name; a fetched file that differs is refused.
        say: receives a message about which way is tried.

    Raises:
        UserError: no way gives the files.
    """
    if all((source.installed / f"{file}.gz").is_file() or (source.installed / file).is_file() for file in IDX_FILES):
        return source.installed
    if _is_whole(cache, digests):
        return cache
    failures = [f"{source.installed}: not there"]
    ways: list[tuple[str, Callable[[], dict[str, bytes]]]] = [
        (f"Debian's package {source.debian_package}", lambda: _from_debian(source)),
        (source.address, lambda: _from_address(source)),
    ]
    for title, get in ways:
        say(f"fetching {source.title} from {title}")
        try:
            contents = get()
            _check(contents, digests)
        except (NotHereError, OSError) as error:
            failures.append(f"{title}: {error}")
            continue
        for file, content in contents.items():
            write_atomically(cache / f"{file}.gz", content)
        return cache
    raise UserError(
        f"{source.title} was found nowhere:\n"
        + "\n".join(f"  {failure}" for failure in failures)
        + f"\nPut its four IDX files ({IDX_FILES[0]}.gz, …) into a folder and set data.source.path to it, "
        f"or install the Debian package {source.debian_package}."
    )


def _is_whole(cache: Path, digests: dict[str, str] | None) -> bool:
    """Return whether what was fetched before is still there and undamaged."""
    try:
        _check({file: (cache / f"{file}.gz").read_bytes() for file in IDX_FILES}, digests)
    except (OSError, NotHereError):
        return False
    return True


def _from_debian(source: Published) -> dict[str, bytes]:
    files = {file: str(source.installed.relative_to("/") / f"{file}.gz") for file in IDX_FILES}
    contents = fetch(DebianPackage(source.debian_package, tuple(files.values())))
    return {file: contents[path] for file, path in files.items()}


def _from_address(source: Published) -> dict[str, bytes]:
    contents = {}
    for file in IDX_FILES:
        try:
            with urllib.request.urlopen(f"{source.address}{file}.gz", timeout=DOWNLOAD_TIMEOUT_S) as answer:
                contents[file] = answer.read()
        except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
            raise NotHereError(f"download failed: {getattr(error, 'reason', error)}") from None
    return contents


def _check(contents: dict[str, bytes], digests: dict[str, str] | None) -> None:
    for file, packed in contents.items():
        try:
            if not packed:
                raise EOFError
            digest = hashlib.sha256(gzip.decompress(packed)).hexdigest()
        except (OSError, EOFError, zlib.error):
            kind = kind_of(packed)
            why = "is damaged" if kind in (None, "a gzip file") else f"is no gzip file, but {kind}"
            raise NotHereError(f"{file}.gz {why}") from None
        if digests is not None and digest != digests.get(file, digest):
            raise NotHereError(f"{file} has SHA-256 {digest}, expected {digests[file]}")
