"""Drills on a busy machine: what ends while it is looked at, or does not answer in time, is no broken promise."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lab import control_machines
from lab.control_machines import VERBS
from lab.drills import application_scenes, quiet
from lab.drills.model import exactly
from lab.drills.node import Node, Process
from lab.drills.stage import Situation, Stage
from lab.world import World

MINE, ENDED = os.getpid(), 4_194_305  # above the kernel's largest process id


@dataclass
class FakeMachines:
    def processes(self, _instance: str) -> list[dict[str, Any]]:
        return [{"pid": ENDED, "argv": ["counter"]}, {"pid": MINE, "argv": ["counter"]}]


@dataclass
class FakeWorld:
    machines: FakeMachines = field(default_factory=FakeMachines)


def test_who_ends_while_the_holders_of_a_port_are_counted_holds_it_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_machines, "_listening_ports", lambda _pid: {8080})

    found = VERBS["holders"](cast(World, FakeWorld()), {"instance": "i-1", "port": 8080})

    assert [process["pid"] for process in found["processes"]] == [MINE]


def test_a_server_that_closes_a_connection_while_its_ports_are_looked_up_still_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    readlink = os.readlink

    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as leaving:
        port = server.getsockname()[1]

        def closed_meanwhile(path: Path) -> str:
            if path.name == str(leaving.fileno()):
                raise FileNotFoundError(path)
            return readlink(path)

        monkeypatch.setattr(control_machines.os, "readlink", closed_meanwhile)
        found = VERBS["listener"](cast(World, FakeWorld()), {"instance": "i-1", "port": port})

    assert found["pid"] == MINE


@dataclass
class FakeNode:
    """Its agent answers so, time after time, and then no more."""

    answers: list[int | None]

    def restarts(self) -> int | None:
        return self.answers.pop(0) if self.answers else None


def test_an_agent_that_once_does_not_answer_has_not_forgotten_its_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.drills.cloud.time.sleep", lambda _: None)

    told = quiet.restarted(cast(Node, FakeNode([2, 3])), 2, 1)

    assert (told.held, told.measured) == (True, 1)


def test_an_agent_is_asked_again_before_its_status_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [None, {"applications": {"counter": {"restarts": 2}}}, None, None, None]
    monkeypatch.setattr(Node, "status", lambda _: answers.pop(0))
    node = Node(cast(Stage, SimpleNamespace(slot=SimpleNamespace(node_port=8080))), "i-1")

    assert [node.restarts(), node.restarts()] == [2, None]


class NodeWithAGrandchild:
    """Right after the port has a new holder, the look at who listens fails once."""

    instance = "i-1"

    def __init__(self, _stage: Stage, _instance: str) -> None:
        self.killed, self.looks = False, 0

    def restarts(self) -> int:
        return int(self.killed)

    def must(self, *_: object) -> Process:
        return Process(1, ("counter", "/folder"), 0.0)

    def do(self, *_: object, **__: object) -> dict[str, Any]:
        return {}

    def holders(self) -> set[int]:
        return {3} if self.killed else {1, 2}

    def signal(self, _process: Process, name: str) -> float:
        self.killed = name == "SIGKILL"
        return 10.0

    def server(self) -> Process | None:
        self.looks += 1
        return None if self.looks == 1 else Process(3, ("counter",), 10.5)

    def another_server(self, old: Process, *, within_s: float) -> Process | None:
        return Node._another(cast(Node, self), self.server, old, within_s)


def test_a_new_process_that_cannot_be_looked_at_for_a_moment_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application_scenes, "Node", NodeWithAGrandchild)
    monkeypatch.setattr(application_scenes, "nobody_stirs", lambda *_: ())
    monkeypatch.setattr(application_scenes, "served_again", lambda *_: exactly("served", 1, 1))

    outcome = application_scenes.grandchild_holds_port(cast(Stage, None), Situation("i-1", 1, frozenset(), frozenset()), 1.0)

    assert [promise.name for promise in outcome.promises if not promise.held] == []
