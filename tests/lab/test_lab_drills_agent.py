"""How the drills of the agent look at a node: its status at the HA port, and whether earlier failures are forgotten."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass

import pytest

from lab.drills.calm import why_not_calm
from lab.drills.node import Process, ask_status
from lab.drills.scenes import DRILLS

NOW = 1_000_000.0


@dataclass
class FakeNode:
    """What calm asks of a node."""

    started_s_ago: float = 0.0
    counted: int | None = 0
    weighs: float | None = 0.0
    agent_started_s_ago: float = 1000.0
    unwell_s_ago: float = 1000.0
    instance: str = "i-1"

    @property
    def unwell_until(self) -> float:
        return NOW - self.unwell_s_ago

    def server(self) -> Process:
        return Process(7, ("counter",), NOW - self.started_s_ago)

    def agent(self) -> Process:
        return Process(5, ("agent",), NOW - self.agent_started_s_ago)

    def restarts(self) -> int | None:
        return self.counted

    def penalty(self) -> float | None:
        return self.weighs


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (FakeNode(), ""),
        (FakeNode(started_s_ago=30, counted=1, weighs=0.9), "its application was restarted, and has been well for 30 s only"),
        (
            FakeNode(started_s_ago=70, agent_started_s_ago=20, counted=1, weighs=0.9),
            "its application was restarted, and has been well for 20 s only",
        ),
        (
            FakeNode(started_s_ago=70, unwell_s_ago=10, counted=1, weighs=0.9),
            "its application was restarted, and has been well for 10 s only",
        ),
        (FakeNode(started_s_ago=70, counted=1, weighs=0.9), ""),
        (FakeNode(started_s_ago=70, counted=3, weighs=2.1), "earlier failures still weigh 2.1, more than 1.4"),
        (FakeNode(counted=None), "i-1 does not serve, or its agent does not say how it is"),
    ],
)
def test_a_drill_that_times_a_restart_waits_until_earlier_failures_are_forgotten(node: FakeNode, said: str) -> None:
    assert why_not_calm(node, 1.4, NOW) == said  # type: ignore[arg-type]


def answering(reply: bytes) -> int:
    """A port that answers one connection so, after it has heard a line."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, listener:
            connection.recv(100)
            connection.sendall(reply)

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("reply", "told"),
    [(b'{"verdict": "healthy"}\r\n', {"verdict": "healthy"}), (b"ERR\r\n", None), (b"", None), (b"[]\r\n", None)],
    ids=["JSON", "an error", "nothing", "no object"],
)
def test_a_status_is_a_line_of_json_or_nothing(reply: bytes, told: object) -> None:
    assert ask_status("127.0.0.1", answering(reply)) == told


def test_an_agent_that_is_not_there_has_no_status() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert ask_status("127.0.0.1", free.getsockname()[1]) is None


def test_every_drill_of_the_agents_issue_is_there() -> None:
    assert set(DRILLS) >= {
        *("hang-application", "starve-application", "leak-memory", "fill-disk"),
        *("kill-agent", "freeze-agent", "grandchild-holds-port", "flap"),
    }
