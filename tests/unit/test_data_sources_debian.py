"""Files of a Debian package are taken from where it is installed, or fetched once and kept."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.base.errors import UserError
from pipeline.data.sources import debian
from pipeline.data.sources.debian import SUMS, DebianPackage, find_or_fetch
from tests.unit.debian_packages import Apt, apt_in

PACKAGE = DebianPackage("small-data", ("usr/share/small/a.bin", "usr/share/small/b.bin"))
CONTENTS = {PACKAGE.files[0]: b"first", PACKAGE.files[1]: b"second"}


@dataclass
class World:
    """A system with nothing installed, and an empty cache."""

    installed: Path
    cache: Path
    apt: Apt
    said: list[str] = field(default_factory=list)

    def find(self) -> dict[str, bytes]:
        found = find_or_fetch(PACKAGE, self.cache, self.said.append)
        return {name: path.read_bytes() for name, path in found.items()}


@pytest.fixture
def world(tmp_path, monkeypatch) -> World:
    (tmp_path / "system").mkdir()
    monkeypatch.setattr(debian, "SYSTEM", tmp_path / "system")
    return World(tmp_path / "system", tmp_path / "cache", apt_in(tmp_path / "apt", monkeypatch))


def put(folder: Path, contents: dict[str, bytes]) -> None:
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def test_installed_package_is_taken_and_nothing_is_fetched(world):
    put(world.installed, CONTENTS)
    assert world.find() == CONTENTS
    assert (world.apt.calls, world.said, world.cache.exists()) == ([], [], False)


def test_package_is_fetched_into_the_cache_once(world):
    world.apt.offer(PACKAGE.name, CONTENTS)
    assert world.find() == CONTENTS
    calls = world.apt.calls
    assert [call.split()[-1] for call in calls] == ["update", PACKAGE.name]
    assert world.find() == CONTENTS
    assert world.apt.calls == calls
    assert world.said == [f"fetching Debian's package {PACKAGE.name}"]
    assert not list(world.installed.iterdir())


def test_package_lists_of_the_system_are_not_touched(world):
    world.apt.offer(PACKAGE.name, CONTENTS)
    world.find()
    for call in world.apt.calls:
        assert "-o Dir::State::lists=/" in call
        assert "Dir::State::lists=/var/" not in call
        assert "-o Dir::Cache=/" in call


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_file_of_the_cache_that_was_damaged_is_fetched_again(world, damage):
    world.apt.offer(PACKAGE.name, CONTENTS)
    world.find()
    file = world.cache / PACKAGE.name / PACKAGE.files[1]
    file.write_bytes(b"sec0nd") if damage == "changed" else file.unlink()
    assert world.find() == CONTENTS


def test_files_that_a_user_put_there_are_taken(world):
    put(world.cache / PACKAGE.name, CONTENTS)
    assert not (world.cache / PACKAGE.name / SUMS).exists()
    assert world.find() == CONTENTS
    assert world.apt.calls == []


def test_package_that_is_not_to_be_had_is_told_of_with_what_to_do(world):
    with pytest.raises(UserError) as caught:
        world.find()
    assert str(caught.value) == (
        "Debian's package small-data is not installed and cannot be fetched: apt-get failed: E: Unable to locate package "
        f"small-data.\nInstall it, or put its files {', '.join(PACKAGE.files)} below {world.cache / PACKAGE.name}."
    )
    assert not world.cache.exists()


def test_package_that_lacks_a_file_leaves_nothing_behind(world):
    world.apt.offer(PACKAGE.name, {PACKAGE.files[0]: b"first"})
    with pytest.raises(UserError, match=r"the package lacks b\.bin"):
        world.find()
    assert not world.cache.exists()


def test_machine_without_debian_tools_is_told_so(world, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="no apt-get on this machine"):
        world.find()
