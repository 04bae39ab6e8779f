"""The local S3 that tests run against is one: it keeps what was put, and gives nothing to strangers."""

import secrets
from pathlib import Path

import pytest
from pyarrow.fs import AwsStandardS3RetryStrategy, FileSelector, FileSystem, FileType, S3FileSystem

from tests.project import ROOT, run
from tests.s3 import S3Server

pytestmark = pytest.mark.ci
ONCE = AwsStandardS3RetryStrategy(max_attempts=1)


@pytest.fixture(autouse=True)
def reached_from_here(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)


def put(filesystem: S3FileSystem, path: str, content: bytes) -> None:
    with filesystem.open_output_stream(path) as stream:
        stream.write(content)


def get(filesystem: S3FileSystem, path: str) -> bytes:
    with filesystem.open_input_stream(path) as stream:
        content: bytes = stream.read()
    return content


def test_what_was_put_is_listed_and_read_back(s3: S3Server) -> None:
    uri = s3.make_bucket("listed")
    here = s3.filesystem()
    contents = {
        "listed/small": b"",
        "listed/below/one.bin": b"one",
        "listed/below/parts.bin": secrets.token_bytes(12 << 20),
    }
    for path, content in contents.items():
        put(here, path, content)
    found = here.get_file_info(FileSelector("listed", recursive=True))
    assert {i.path: i.size for i in found if i.type == FileType.File} == {p: len(c) for p, c in contents.items()}
    assert {path: get(here, path) for path in contents} == contents
    # The environment alone leads there too.
    by_uri, path = FileSystem.from_uri(f"{uri}/below/one.bin")
    assert get(by_uri, path) == b"one"


def test_a_gateway_killed_and_started_again_has_what_was_put(s3: S3Server) -> None:
    s3.make_bucket("killed")
    content = secrets.token_bytes(1 << 20)
    put(s3.filesystem(), "killed/object", content)
    s3.kill_gateway()
    try:
        with pytest.raises(OSError, match="NETWORK_CONNECTION"):
            get(s3.filesystem(retry_strategy=ONCE), "killed/object")
    finally:
        s3.restart_gateway()
    assert get(s3.filesystem(), "killed/object") == content


@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param({"secret_key": "wrong"}, id="wrong-secret"),
        pytest.param({"access_key": "nobody"}, id="unknown-key"),
        pytest.param({"access_key": None, "secret_key": None, "anonymous": True}, id="none"),
    ],
)
def test_wrong_credentials_are_refused(s3: S3Server, credentials: dict[str, str | bool | None]) -> None:
    s3.make_bucket("refused")
    put(s3.filesystem(), "refused/object", b"kept")
    stranger = s3.filesystem(**credentials)
    with pytest.raises(OSError, match="ACCESS_DENIED"):
        get(stranger, "refused/object")
    with pytest.raises(OSError, match=r"ACCESS_DENIED|SIGNATURE_DOES_NOT_MATCH|INVALID_ACCESS_KEY_ID"):
        put(stranger, "refused/object", b"replaced")
    assert get(s3.filesystem(), "refused/object") == b"kept"


def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    """They could put there what is read as settings."""
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    for script in ("s3/start.sh", "s3/stop.sh"):
        done = run(str(ROOT / "infra" / "local" / script), S3_FOLDER=str(folder))
        assert done.returncode == 1
        assert "is not yours alone" in done.stderr
    assert list(folder.iterdir()) == []
