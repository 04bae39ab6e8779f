"""What is said of nodes that are not ready; asking real ones is done in tests/integration/test_local_cluster.py."""

from dataclasses import replace

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cluster.preflight import (
    CLOCKS_AGREE_WITHIN_S,
    LEAST_FREE_BYTES,
    NodeReport,
    _interface_of,
    common_interface,
    problems_of,
)

HERE = {"imagemint": "1.0", "torch": "2.13.0"}
READY = NodeReport(
    address="10.0.0.1", versions=HERE, clock=0.0, free_bytes=LEAST_FREE_BYTES, root_problem="", interface="eth0"
)


def test_nodes_that_are_ready_are_not_complained_of() -> None:
    assert problems_of([READY, replace(READY, address="10.0.0.2", clock_off_s=-CLOCKS_AGREE_WITHIN_S)], HERE) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"versions": {**HERE, "torch": "2.12.0"}}, "its software differs: torch 2.12.0 (here 2.13.0)"),
        ({"versions": {"imagemint": "1.0"}}, "its software differs: torch is missing (here 2.13.0)"),
        ({"clock_off_s": 90.0}, "its clock is +90 s off, at most 30 s are allowed"),
        ({"clock_off_s": -90.0}, "its clock is -90 s off"),
        ({"free_bytes": 400_000_000}, "0.4 GB are free where Ray keeps its files, at least 1 GB are needed"),
        ({"root_problem": "it does not see /root"}, "it does not see /root"),
    ],
)
def test_each_thing_that_is_wrong_is_said_of_the_node_that_has_it(change: dict[str, object], said: str) -> None:
    (line,) = problems_of([READY, replace(READY, address="10.0.0.2", **change)], HERE)  # type: ignore[arg-type]
    assert line.startswith("10.0.0.2: ")
    assert said in line


@given(st.lists(st.sampled_from(["", "eth0", "ens5"]), max_size=4))
def test_an_interface_is_common_where_every_node_has_it(names: list[str]) -> None:
    found = common_interface([replace(READY, interface=name) for name in names])
    assert found == (names[0] if names and set(names) == {names[0]} and names[0] else None)


def test_the_interface_of_an_address_is_what_the_system_says() -> None:
    of_ipv4 = {
        address.address: name
        for name, addresses in psutil.net_if_addrs().items()
        for address in addresses
        if address.family.name == "AF_INET"
    }
    assert "127.0.0.1" in of_ipv4
    assert {address: _interface_of(address) for address in of_ipv4} == of_ipv4
    assert _interface_of("203.0.113.7") == ""  # set apart for documentation
