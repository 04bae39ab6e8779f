"""What a user reads when a job cannot be handed in; jobs on a real cluster are in tests/integration/test_jobs.py."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline.errors import UserError
from pipeline.jobs.submit import ADDRESS_VARIABLE, submit
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
        pytest.raises(UserError, match="was not taken: it wants a token; set RAY_AUTH_MODE"),
    ):
        hand_in(address)


@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_service_that_answers_with_an_error_is_no_traceback(status: int) -> None:
    with service(status) as address, pytest.raises(UserError, match="the job was not taken: "):
        hand_in(address)
