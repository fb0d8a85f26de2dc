"""Addresses that applications depend on: a change runs the command, trouble is no change, and nothing hangs the agent."""

from __future__ import annotations

import asyncio
import io
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.address_watch import Addresses, NoAddress, resolve, run_hook, watch_addresses
from agent.log import Log
from tests.agent.programs import eventually

OLD, NEW = ("10.0.0.1",), ("10.0.0.2",)


class Names:
    """A resolver whose answers a test sets; a name may hang until it is let go."""

    def __init__(self) -> None:
        self.answers: dict[str, Addresses | NoAddress] = {}
        self.asked: dict[str, int] = {}
        self.hang: dict[str, threading.Event] = {}

    def __call__(self, name: str) -> Addresses:
        self.asked[name] = self.asked.get(name, 0) + 1
        if name in self.hang:
            self.hang[name].wait(10)
        answer = self.answers[name]
        if isinstance(answer, NoAddress):
            raise answer
        return answer


@pytest.fixture
def names() -> Iterator[Names]:
    made = Names()
    yield made
    for event in made.hang.values():
        event.set()


@pytest.fixture
def log() -> Log:
    return Log(io.StringIO())


def said(log: Log) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.tail().splitlines()]


def events(log: Log) -> list[str]:
    return [line["event"] for line in said(log)]


def watching(names: Names, log: Log, command: list[str] | None = None, *watched: str) -> asyncio.Task[None]:
    return asyncio.create_task(
        watch_addresses(watched or ("db",), command, log=log, resolve=names, every_s=0.002, look_up_s=0.05, command_s=5)
    )


def test_a_changed_address_runs_the_command_with_old_and_new(names: Names, log: Log, tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    hook.write_text(
        '#!/bin/sh\necho "$UNDERSTUDY_CHANGED_NAME: $UNDERSTUDY_OLD_ADDRESSES -> $UNDERSTUDY_NEW_ADDRESSES, $1"; echo more; exit 3\n'
    )
    hook.chmod(0o755)

    async def story() -> None:
        names.answers["db"] = OLD
        task = watching(names, log, [str(hook), "argument"])
        await eventually(lambda: names.asked.get("db", 0) > 2)
        names.answers["db"] = ("10.0.0.2", "10.0.0.3")
        await eventually(lambda: b"address-hook" in log.tail())
        task.cancel()

    asyncio.run(story())

    change, hooked = said(log)
    assert (change["event"], change["old"], change["new"]) == ("address-changed", ["10.0.0.1"], ["10.0.0.2", "10.0.0.3"])
    assert (hooked["how"], hooked["said"]) == ("exit status 3", "db: 10.0.0.1 -> 10.0.0.2 10.0.0.3, argument")


def test_the_first_answer_is_no_change_and_the_same_answer_is_none_either(names: Names, log: Log) -> None:
    async def story() -> None:
        names.answers["db"] = OLD
        task = watching(names, log, ["/bin/false"])
        await eventually(lambda: names.asked.get("db", 0) > 5)
        task.cancel()

    asyncio.run(story())

    assert log.tail() == b""


def test_a_name_that_cannot_be_looked_up_has_not_changed(names: Names, log: Log) -> None:
    async def story() -> None:
        names.answers["db"] = OLD
        task = watching(names, log)
        await eventually(lambda: names.asked.get("db", 0) > 1)
        names.answers["db"] = NoAddress("Temporary failure in name resolution")
        await eventually(lambda: b"trouble" in log.tail())
        names.answers["db"] = OLD
        await eventually(lambda: b"well-again" in log.tail())
        names.answers["db"] = NEW
        await eventually(lambda: b"address-changed" in log.tail())
        task.cancel()

    asyncio.run(story())

    assert events(log) == ["address-of-db-trouble", "address-of-db-well-again", "address-changed"]
    assert said(log)[-1]["old"] == ["10.0.0.1"], "what it was before the trouble"


def test_a_resolver_that_hangs_costs_one_thread_and_no_other_name(names: Names, log: Log) -> None:
    async def story() -> None:
        names.answers |= {"db": OLD, "queue": OLD}
        names.hang["db"] = threading.Event()
        task = watching(names, log, None, "db", "queue")
        await eventually(lambda: names.asked.get("queue", 0) > 2)
        names.answers["queue"] = NEW
        await eventually(lambda: b"address-changed" in log.tail())
        assert names.asked["db"] == 1
        names.hang.pop("db").set()
        await eventually(lambda: b"well-again" in log.tail())
        task.cancel()

    asyncio.run(story())

    assert [(line["event"], line.get("name", line.get("reason"))) for line in said(log)] == [
        ("address-of-db-trouble", "no answer from the resolver in 0.05 s"),
        ("address-changed", "queue"),
        ("address-of-db-well-again", None),
    ]


def test_an_answer_that_comes_after_the_agent_has_left_disturbs_nobody(names: Names, log: Log) -> None:
    async def story() -> None:
        names.answers["db"] = OLD
        names.hang["db"] = threading.Event()
        task = watching(names, log)
        await eventually(lambda: names.asked.get("db"))
        task.cancel()

    asyncio.run(story())
    names.hang["db"].set()
    for thread in threading.enumerate():
        if thread.name == "look up db":
            thread.join(5)
            assert not thread.is_alive()


def hook(log: Log, *command: str, within_s: float = 5.0) -> dict[str, Any]:
    asyncio.run(run_hook(command, "db", OLD, NEW, log=log, within_s=within_s))
    return said(log)[-1]


def test_a_command_that_takes_too_long_is_killed_with_its_group(log: Log, tmp_path: Path) -> None:
    told = hook(log, "/bin/sh", "-c", f"sleep 60 & echo $! > {tmp_path}/pid; wait", within_s=0.2)

    assert told["how"] == "killed after 0.2 s"
    grandchild = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and os.path.exists(f"/proc/{grandchild}") and "Z" not in state(grandchild):
        time.sleep(0.005)
    assert not os.path.exists(f"/proc/{grandchild}") or "Z" in state(grandchild)


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_a_command_that_floods_its_output_is_heard_and_not_kept(log: Log) -> None:
    told = hook(log, "/bin/sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x")

    assert told["how"] == "exit status 0"
    assert told["said"] == "x" * 400


def test_a_command_that_is_not_there_is_said(log: Log) -> None:
    assert "could not be started" in hook(log, "/no/such/program")["how"]


def test_a_command_inherits_nothing_of_the_agents_environment(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/x")
    monkeypatch.setenv("UNDERSTUDY_TABLE", "t")

    told = hook(log, "/bin/sh", "-c", "env | sort | tr '\\n' ' '")

    assert "NOTIFY_SOCKET" not in told["said"]
    assert "UNDERSTUDY_TABLE" not in told["said"]


def test_the_machines_own_resolver_answers() -> None:
    assert "127.0.0.1" in resolve("localhost")
    with pytest.raises(NoAddress):
        resolve("a" * 300)
