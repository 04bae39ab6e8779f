"""A head that is gone is told of; one that is away for a moment is not."""

import signal
import socket
import threading

import pytest

from pipeline.cluster import head_watchdog as head
from pipeline.cluster.head_watchdog import HeadLostError, watched


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "CHECK_EVERY_S", 0.05)
    monkeypatch.setattr(head, "PATIENCE_S", 0.5)


def listening(port: int = 0) -> socket.socket:
    return socket.create_server(("127.0.0.1", port), reuse_port=True)


def address(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.usefixtures("quick")
def test_a_head_that_does_not_answer_any_more_ends_what_waits_for_it() -> None:
    server = listening()
    where = address(server)
    with pytest.raises(HeadLostError, match=rf"{where} has not answered .* run the same command"):
        wait_without(server)


def wait_without(server: socket.socket) -> None:
    with watched(address(server)):
        server.close()
        threading.Event().wait(20)


@pytest.mark.usefixtures("quick")
def test_one_that_comes_back_in_time_is_waited_for() -> None:
    server = listening()
    where, port = address(server), server.getsockname()[1]
    with watched(where):
        server.close()
        threading.Event().wait(0.2)  # how long it is away
        with listening(port) as back:
            back.accept()  # it has been looked for
            back.accept()
            threading.Event().wait(0.6)


@pytest.mark.usefixtures("quick")
def test_afterwards_nobody_watches_and_the_signal_is_what_it_was() -> None:
    before = signal.getsignal(signal.SIGUSR2)
    server = listening()
    with watched(address(server)):
        assert signal.getsignal(signal.SIGUSR2) != before
    server.close()
    threading.Event().wait(0.8)
    assert signal.getsignal(signal.SIGUSR2) == before


def test_an_error_is_told_as_what_caused_it_while_nothing_answers() -> None:
    server = listening()
    where = address(server)
    with pytest.raises(
        HeadLostError, match=rf"{where} does not answer \(RuntimeError: of an actor\).* run the same command"
    ):
        fail_without(server)


def fail_without(server: socket.socket) -> None:
    with watched(address(server)):
        server.close()
        raise RuntimeError("a long story\nof an actor")


def test_an_error_beside_a_head_that_answers_is_what_it_was() -> None:
    with listening() as server, pytest.raises(RuntimeError, match="of our own"), watched(address(server)):
        raise RuntimeError("of our own")
