"""Single wires cut, and a thread that hangs: what drills do to a machine from beside it. Runs inside the lab's space."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from lab_machines import USER_DATA, Rack, wait_for

from lab import netns
from lab.control_machines import VERBS as ON_MACHINES
from lab.control_wires import VERBS
from lab.world import AWS_ADDRESS

pytestmark = [pytest.mark.lab, pytest.mark.heavy]
ID, ADDRESS = "i-0abc", "10.20.1.5"
_TIMEOUT_S = 0.5


@pytest.fixture
def rack(in_space: None, tmp_path: Path) -> Rack:
    rack = Rack(tmp_path)
    rack.boot(USER_DATA)
    rack.console_says("the user data has ended")
    return rack


@pytest.fixture
def services(rack: Rack) -> Iterator[None]:
    """Somebody answers where the services of AWS do."""
    program = [sys.executable, "-m", "http.server", "4566", "--bind", AWS_ADDRESS]
    server = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def up() -> bool:
        with suppress(ConnectionRefusedError):
            return answers(AWS_ADDRESS, 4566)
        return False

    wait_for(up, lambda: "services")
    yield
    server.kill()
    server.wait()


def answers(address: str, port: int) -> bool:
    """Whether a connection is made; one that is refused is no silence, and an error of the test."""
    with suppress(TimeoutError), socket.create_connection((address, port), timeout=_TIMEOUT_S):
        return True
    return False


def from_function(rack: Rack, look: Callable[[], bool], *, name: str = "fn1", address: str = "10.20.2.250") -> bool:
    rack.network.attach(name, address)
    return netns.inside(name, look)


def do(rack: Rack, verb: str, **arguments: Any) -> dict[str, Any]:
    return {**ON_MACHINES, **VERBS}[verb](rack.world, {"instance": ID, **arguments})


def node_reaches_services(rack: Rack) -> bool:
    return netns.inside(ID, lambda: answers(AWS_ADDRESS, 4566))


def test_cut_from_functions_it_is_silent_to_them_alone_also_to_those_that_come_later(rack: Rack, services: None) -> None:
    assert from_function(rack, lambda: answers(ADDRESS, 8080))

    do(rack, "cut", wire="functions", on=True)

    assert not from_function(rack, lambda: answers(ADDRESS, 8080))
    assert not from_function(rack, lambda: answers(ADDRESS, 8080), name="fn2", address="10.20.2.249")
    assert answers(ADDRESS, 8080)
    assert node_reaches_services(rack)

    do(rack, "cut", wire="functions", on=False)

    assert from_function(rack, lambda: answers(ADDRESS, 8080))


def test_another_machine_is_still_reached_by_functions(rack: Rack) -> None:
    rack.boot(USER_DATA, instance_id="i-0def", private_ip="10.20.1.6")
    rack.console_says("the user data has ended", instance_id="i-0def")

    do(rack, "cut", wire="functions", on=True)

    assert from_function(rack, lambda: answers("10.20.1.6", 8080))


def test_cut_from_services_it_reaches_none_and_answers_all_who_call_it(rack: Rack, services: None) -> None:
    assert node_reaches_services(rack)

    do(rack, "cut", wire="services", on=True)

    assert not node_reaches_services(rack)
    assert answers(ADDRESS, 8080)
    assert from_function(rack, lambda: answers(ADDRESS, 8080))

    do(rack, "cut", wire="services", on=False)

    assert node_reaches_services(rack)


def test_cut_from_its_callers_nobody_hears_an_answer_but_itself_and_its_own_calls_go_on(rack: Rack, services: None) -> None:
    do(rack, "cut", wire="callers", ports=[8080], on=True)

    assert not answers(ADDRESS, 8080)
    assert not from_function(rack, lambda: answers(ADDRESS, 8080))
    assert netns.inside(ID, lambda: answers("127.0.0.1", 8080))
    assert netns.inside(ID, lambda: answers(ADDRESS, 8080))
    assert node_reaches_services(rack)

    do(rack, "cut", wire="callers", ports=[8080], on=False)

    assert answers(ADDRESS, 8080)


def test_a_wire_that_there_is_not_is_refused_by_name(rack: Rack) -> None:
    with pytest.raises(LookupError, match="no wire called 'moon'"):
        do(rack, "cut", wire="moon", on=True)


class TestAThreadThatHangs:
    """The greeter greets in its main thread, and feeds its watchdog in another one."""

    def test_its_process_lives_and_the_others_go_on_and_it_goes_on_when_released(self, rack: Rack) -> None:
        pid = int(do(rack, "listener", port=8080)["pid"])

        do(rack, "wedge", pid=pid)

        assert not greeted()
        time.sleep(2.0)  # twice its watchdog's time: it is fed still
        assert int(do(rack, "listener", port=8080)["pid"]) == pid

        do(rack, "unwedge", pid=pid)

        assert greeted()

    def test_a_signal_that_kills_ends_it_all_the_same(self, rack: Rack) -> None:
        pid = int(do(rack, "listener", port=8080)["pid"])
        do(rack, "wedge", pid=pid)

        do(rack, "signal", pid=pid)

        rack.console_says("restart counter is at 1")
        wait_for(greeted, lambda: "a greeting")
        do(rack, "unwedge", pid=pid)


def greeted() -> bool:
    with suppress(OSError), socket.create_connection((ADDRESS, 8080), timeout=_TIMEOUT_S) as client:
        return client.recv(10) == b"hi"
    return False
