"""What a user reads when a job cannot be handed in; jobs on a real cluster are in tests/integration/test_jobs.py."""

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import ray

from pipeline.base.errors import UserError
from pipeline.jobs.submit import ADDRESS_VARIABLE, submit
from tests.checkout import git, small_checkout
from tests.project import ROOT


@pytest.fixture(autouse=True)
def in_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv(ADDRESS_VARIABLE, "")  # set by `submit`: to be what it was afterwards


def hand_in(address: str) -> None:
    submit("all", "digits", "/tmp/elsewhere", address, print)


@contextmanager
def service(status: int) -> Iterator[str]:
    """One that answers everything so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"no")

        log_message: Callable[..., None] = lambda *_: None  # type: ignore[assignment]

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("address", ["127.0.0.1:6379", "ray://127.0.0.1:10001", "http://", "auto", "http://a b:8265"])
def test_what_is_no_address_is_said_at_once(address: str) -> None:
    with pytest.raises(UserError, match="is no address of a cluster's job service: give http://HOST:8265"):
        hand_in(address)


@pytest.mark.parametrize("status", [401, 403])
def test_without_the_token_it_says_which_variables_lead_to_it(status: int) -> None:
    with (
        service(status) as address,
        pytest.raises(UserError, match=r"was not accepted: it requires a token\. Set RAY_AUTH_MODE"),
    ):
        hand_in(address)


@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_service_that_answers_with_an_error_is_no_traceback(status: int) -> None:
    with service(status) as address, pytest.raises(UserError, match="the job was not accepted: "):
        hand_in(address)


@contextmanager
def taking_service() -> Iterator[tuple[str, list[bytes]]]:
    """One that takes a working folder, as Ray's does, and refuses the job; with what it was sent."""
    sent: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self, status: int, content: bytes = b"{}") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            version = {"version": "4", "ray_version": ray.__version__, "ray_commit": "", "session_name": ""}
            self.answer(404) if "/packages/" in self.path else self.answer(200, json.dumps(version).encode())

        def do_PUT(self) -> None:
            sent.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(200)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(500, b"no")

        log_message: Callable[..., None] = lambda *_: None  # type: ignore[assignment]

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", sent
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with what must not go along: two large ones would be more than Ray takes, 500 MB."""
    folder = small_checkout(tmp_path / "checkout")
    git(folder, "add", "--all")
    for name in ("data/digits/train.parquet", ".git/objects/large"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("wb") as file:
            file.truncate(2 << 30)
    (folder / ".dvc" / "config.local").write_text("['remote \"s3\"']\n    secret_access_key = s3cr3t\n")
    monkeypatch.chdir(folder)
    return folder


def test_all_code_goes_up_and_no_data_and_no_secret(checkout: Path) -> None:
    """ray#50167, VeOmni#99."""
    with taking_service() as (address, sent), pytest.raises(UserError, match="the job was not accepted"):
        hand_in(address)
    with zipfile.ZipFile(io.BytesIO(*sent)) as package:
        names = {name for name in package.namelist() if not name.endswith("/")}
        assert not [name for name in names if b"s3cr3t" in package.read(name)]
    code = set(git(checkout, "ls-files", "pipeline", "stages", "conf", "dvc.yaml", "pyproject.toml").splitlines())
    assert "pipeline/base/log.py" in code
    assert code <= names
    assert not [name for name in names if name.startswith(("data/", ".git/", "tests/", "docs/"))]
    assert ".dvc/config.local" not in names


def test_an_ignore_line_that_would_keep_code_back_is_told_before_anything_is_sent(checkout: Path) -> None:
    """The job would end with a module that is not there: Ray goes by .gitignore, whether git tracks the file or not."""
    with (checkout / ".gitignore").open("a") as file:
        file.write("log*\n")
    line = len((checkout / ".gitignore").read_text().splitlines())
    with taking_service() as (address, sent), pytest.raises(UserError) as caught:
        hand_in(address)
    assert sent == []
    assert str(caught.value) == (
        f".gitignore, line {line}: 'log*' keeps pipeline/base/log.py out of the job, which receives only files that no .gitignore "
        "matches. Narrow the pattern so that it matches no code, for example /log*."
    )
