"""A published dataset is taken from the first place that has it whole; where none has, one message says all."""

import gzip
import hashlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.base.errors import UserError
from pipeline.data.sources.idx import IDX_FILES, read_idx
from pipeline.data.sources.known.fashion_mnist import Published, find_or_fetch
from pipeline.store.local import LocalFolder
from tests.unit.debian_packages import Apt, apt_in

PACKAGE = "dataset-small"


@dataclass
class Site:
    """An HTTP server on this machine: what it serves by file name, and what it was asked for."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    missing_bytes: int = 0  # how much shorter an answer is than it says
    asked: list[str] = field(default_factory=list)


@dataclass
class World:
    """Every place where the dataset may be."""

    source: Published
    installed: Path
    cache: Path
    apt: Apt
    site: Site
    said: list[str] = field(default_factory=list)

    def find(self, digests: dict[str, str] | None = None) -> Path:
        return find_or_fetch(self.source, self.cache, digests, self.said.append)

    def refusal(self, digests: dict[str, str] | None = None) -> str:
        with pytest.raises(UserError) as caught:
            self.find(digests)
        return str(caught.value)

    def package(self, files: dict[str, bytes]) -> None:
        """Makes a real Debian package that `apt-get download` will find."""
        where = self.installed.relative_to("/")
        self.apt.offer(PACKAGE, {str(where / f"{name}.gz"): content for name, content in files.items()})


def put(folder: Path, files: dict[str, bytes], ending: str = ".gz") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}{ending}").write_bytes(content)


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            served.asked.append(self.path)
            content = served.files.get(self.path.removeprefix("/").removesuffix(".gz"))
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) - served.missing_bytes])

        def log_message(self, format, *arguments):
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.address = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield served
        server.shutdown()
        thread.join()


@pytest.fixture
def world(tmp_path, site, monkeypatch) -> World:
    """Places that have nothing yet; a test fills some."""
    apt = apt_in(tmp_path / "apt", monkeypatch)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    installed = tmp_path / "usr/share/datasets/small"
    return World(Published("Small", installed, PACKAGE, site.address), installed, tmp_path / "cache", apt, site)


def digests_of(contents: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}


def assert_whole(folder: Path, contents: dict[str, bytes]) -> None:
    assert {name: read_idx(LocalFolder(folder), str(folder), name)[1] for name in IDX_FILES} == contents


def test_installed_folder_is_taken_and_nothing_is_fetched(world, idx_packed):
    put(world.installed, idx_packed)
    world.site.files = idx_packed
    assert world.find() == world.installed
    assert (world.apt.calls, world.site.asked, world.said) == ([], [], [])
    assert not world.cache.exists()


def test_unpacked_files_count_as_installed(world, idx_contents):
    put(world.installed, idx_contents, ending="")
    assert world.find() == world.installed


def test_cache_of_an_earlier_run_is_taken_and_nothing_is_fetched(world, idx_packed):
    put(world.cache, idx_packed)
    assert world.find() == world.cache
    assert (world.apt.calls, world.site.asked) == ([], [])


def test_debian_package_is_unpacked_into_the_cache_before_the_address_is_asked(world, idx_contents, idx_packed):
    world.package(idx_packed)
    world.site.files = idx_packed
    assert world.find(digests_of(idx_contents)) == world.cache
    assert_whole(world.cache, idx_contents)
    assert [call.split()[-1] for call in world.apt.calls] == ["update", PACKAGE]
    assert world.site.asked == []
    assert not world.installed.exists()  # nothing is installed


def test_package_lists_of_the_system_are_not_touched(world, idx_packed):
    world.package(idx_packed)
    world.find()
    for call in world.apt.calls:
        assert "-o Dir::State::lists=/" in call
        assert "Dir::State::lists=/var/" not in call
        assert "-o Dir::Cache=/" in call


def test_address_is_asked_when_debian_has_no_such_package(world, idx_contents, idx_packed):
    world.site.files = idx_packed
    assert world.find(digests_of(idx_contents)) == world.cache
    assert_whole(world.cache, idx_contents)
    assert sorted(world.site.asked) == sorted(f"/{name}.gz" for name in IDX_FILES)
    assert len(world.said) == 2
    assert "Debian" in world.said[0]
    assert world.site.address in world.said[1]


def test_what_was_fetched_once_is_not_fetched_again(world, idx_packed):
    world.site.files = idx_packed
    world.find()
    asked, calls = list(world.site.asked), world.apt.calls
    assert world.find() == world.cache
    assert (world.site.asked, world.apt.calls) == (asked, calls)


def test_half_a_cache_is_not_taken_for_a_whole_one(world, idx_contents, idx_packed):
    put(world.cache, {IDX_FILES[0]: b"old", IDX_FILES[1]: b"old"})
    world.site.files = idx_packed
    world.find()
    assert_whole(world.cache, idx_contents)


def test_package_with_other_content_is_refused_and_the_address_is_asked(world, idx_contents, idx_packed):
    world.package({**idx_packed, IDX_FILES[2]: gzip.compress(b"other")})
    world.site.files = idx_packed
    world.find(digests_of(idx_contents))
    assert_whole(world.cache, idx_contents)


def test_package_that_lacks_a_file_is_refused_and_the_address_is_asked(world, idx_contents, idx_packed):
    world.package({name: idx_packed[name] for name in IDX_FILES[:3]})
    world.site.files = idx_packed
    world.find()
    assert_whole(world.cache, idx_contents)


def test_download_with_another_digest_is_refused_and_not_kept(world, idx_contents, idx_packed):
    world.site.files = {**idx_packed, IDX_FILES[3]: gzip.compress(b"other")}
    message = world.refusal(digests_of(idx_contents))
    found, expected = hashlib.sha256(b"other").hexdigest(), digests_of(idx_contents)[IDX_FILES[3]]
    assert f"{IDX_FILES[3]} has SHA-256 {found}, expected {expected}" in message
    assert not world.cache.exists()


def damaged(packed: bytes, how: str) -> bytes:
    return {
        "a page": b"<html>Please log in</html>",
        "cut": packed[:-9],
        "changed": packed[:10] + bytes(byte ^ 0xFF for byte in packed[10:40]) + packed[40:],
        "empty": b"",
    }[how]


@pytest.mark.parametrize("how", ["a page", "cut", "changed", "empty"])
def test_download_that_is_no_gzip_file_is_refused_and_not_kept(world, idx_packed, how):
    world.site.files = {**idx_packed, IDX_FILES[0]: damaged(idx_packed[IDX_FILES[0]], how)}
    why = {"a page": "is no gzip file, but an HTML page", "empty": "is no gzip file, but an empty file"}
    assert f"{IDX_FILES[0]}.gz {why.get(how, 'is damaged')}" in world.refusal()
    assert not world.cache.exists()


def test_connection_that_ends_early_is_a_failed_download(world, idx_packed):
    world.site.files = idx_packed
    world.site.missing_bytes = 5
    assert f"{world.site.address}: download failed" in world.refusal()
    assert not world.cache.exists()


def test_when_nothing_works_one_message_names_every_way_its_reason_and_what_to_do(world):
    message = world.refusal()
    lines = message.splitlines()
    assert lines[0] == "Small was found nowhere:"
    assert lines[1] == f"  {world.installed}: not there"
    assert lines[2] == f"  Debian's package {PACKAGE}: apt-get failed: E: Unable to locate package {PACKAGE}"
    assert lines[3] == f"  {world.site.address}: download failed: Not Found"
    assert "set data.source.path to it" in lines[4]
    assert not world.cache.exists()


def test_machine_without_debian_tools_and_without_network_is_told_so(world, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with socket.socket() as closed:  # bound and not listening: whoever calls is refused
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        world.source = Published("Small", world.installed, PACKAGE, address)
        message = world.refusal()
    assert "no apt-get on this machine" in message
    assert "Connection refused" in message


def test_cache_that_cannot_be_written_is_a_user_error(world, idx_packed, tmp_path):
    (tmp_path / "taken").write_text("a file where the cache should be")
    world.site.files = idx_packed
    world.cache = tmp_path / "taken" / "cache"
    assert "cannot be written" in world.refusal()
