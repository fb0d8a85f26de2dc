"""Start order, stop order, and starts and stops that tell how they went; with programs whose grandchildren hold what they use."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from core.application import OcfAgent, Run
from core.model import Application, Probe
from core.records import Phase
from tests.agent.chaos_node import SCRIPT
from tests.agent.test_agent_life import Life, sleeper
from tests.agent.test_agent_life_operators import ask
from tests.agent.worlds import free_port, living, permit

# The leader only waits; a grandchild in a session of its own holds the port. Asked to stop, the leader ends and forgets it.
LEADER = """
import signal, subprocess, sys, time
folder, name, port = sys.argv[1:4]
say = lambda what: open(folder + "/order", "a").write(what + " " + name + chr(10))
def end(*_):
    say("stop"); sys.exit(0)
signal.signal(signal.SIGTERM, end)
subprocess.Popen([sys.executable, "-c", sys.argv[4], port], start_new_session=True)
say("start")
while True: time.sleep(0.05)
"""
HOLDER = """
import signal, socket, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True: server.accept()[0].close()
"""


pytestmark = pytest.mark.usefixtures("often")  # grandchildren come to us when their parents end, as they do on a node


def holder(folder: Path, name: str, port: int, after: tuple[str, ...] = (), **changes: Any) -> Application:
    run = Run(exec=(sys.executable, "-c", LEADER, str(folder), name, str(port), HOLDER))
    probes = (Probe(tcp=f"127.0.0.1:{port}", every_s=5.0, timeout_s=5.0),)
    return Application(**{"name": name, "run": run, "after": after, "probes": probes, "stop_timeout_s": 20.0, **changes})


def order(folder: Path, what: str) -> list[str]:
    path = folder / "order"
    lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    return [name for did, name in lines if did == what]


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("leaves", ["offline", "terminated"])
def test_applications_start_after_those_they_name_stop_in_reverse_and_leave_no_port_held(tmp_path: Path, leaves: str) -> None:
    ports = [free_port() for _ in range(3)]
    front = holder(tmp_path, "front", ports[2], after=("web",))
    web, db = holder(tmp_path, "web", ports[1], after=("db",)), holder(tmp_path, "db", ports[0])
    life = Life(tmp_path, front, web, db)
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        assert order(tmp_path, "start") == ["db", "web", "front"]
        assert not any(map(is_free, ports))
        if leaves == "offline":
            answer = await ask(life, "offline", None)
            assert answer["done"] == "front, web, db are offline; held down until online"
        else:
            life.metadata.state = "Terminated"
            await life.eventually(lambda: life.phase() is Phase.RELEASED)
        assert order(tmp_path, "stop") == ["front", "web", "db"]
        assert living() == []
        assert all(map(is_free, ports))

    life.run(story)


def test_a_restart_never_meets_the_port_that_the_last_runs_grandchild_held(tmp_path: Path) -> None:
    port = free_port()
    life = Life(tmp_path, holder(tmp_path, "web", port))
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        before = set(living("web/"))
        os.kill(min(before), 9)
        await life.eventually(lambda: order(tmp_path, "start") == ["web", "web"] and not is_free(port))
        await life.eventually(lambda: len(living("web/")) == 2 and not before & set(living("web/")))

    life.run(story)
    assert life.events().count("failed") == 1, "its second start found the port free"


def test_online_waits_and_says_up_only_once_the_application_answers(tmp_path: Path) -> None:
    port = free_port()
    life = Life(tmp_path, holder(tmp_path, "web", port))
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        await ask(life, "offline", "web")
        assert is_free(port)
        assert await ask(life, "online", "web") == {"ok": True, "done": "web is up"}
        assert not is_free(port)

    life.run(story)


def test_online_of_one_that_never_answers_tells_so_at_its_deadline_and_cleans_what_it_had_begun(tmp_path: Path) -> None:
    silent = (Probe(tcp=f"127.0.0.1:{free_port()}", every_s=5.0, timeout_s=5.0),)
    life = Life(tmp_path, holder(tmp_path, "web", free_port(), probes=silent, start_timeout_s=1.5))
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: "start" in life.events())
        await ask(life, "clean", "web")
        before = len(order(tmp_path, "start"))
        answer = await ask(life, "online", "web")
        assert answer["ok"] is False
        assert answer["error"].startswith("web is not up: not healthy 1.5 s after its start: ")
        assert len(order(tmp_path, "start")) == before + 1, "one start is what was waited for"
        await life.eventually(lambda: "stop" in life.events())

    life.run(story)


def test_online_of_one_that_comes_up_degraded_says_degraded_and_takes_it_down_again(tmp_path: Path) -> None:
    path = tmp_path / "resource.d" / "test" / "made"
    path.parent.mkdir(parents=True)
    told = {"folder": tmp_path, "name": "made", "stopped": 7, "copy": "exec sleep 600"}
    path.write_text((SCRIPT % told).replace("sleep 0.05 ;;\nstop)", f"[ -e {tmp_path}/well ] || exit 190 ;;\nstop)"))
    path.chmod(0o755)
    made = Application(name="made", run=Run(ocf=OcfAgent(provider="test", type="made", root=str(tmp_path))), stop_timeout_s=5.0)
    life = Life(tmp_path, made)
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: "start" in life.events())
        await ask(life, "clean", "made")
        answer = await ask(life, "online", "made")
        assert answer["ok"] is False
        assert answer["error"].startswith("made is not up: came up degraded: ")
        (tmp_path / "well").touch()
        assert (await ask(life, "online", "made"))["done"] == "made is up"

    life.run(story)


def test_offline_of_one_that_will_not_end_is_bounded_and_then_cleaned_with_its_grandchildren(tmp_path: Path) -> None:
    deaf = "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    deaf += "subprocess.Popen(['sleep', '600'], start_new_session=True); time.sleep(600)"
    life = Life(tmp_path, sleeper(run=Run(exec=(sys.executable, "-c", deaf)), stop_timeout_s=0.5))
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: len(living("sleeper/")) == 2)
        async with asyncio.timeout(30):
            assert (await ask(life, "offline"))["ok"]
        assert living("sleeper/") == []

    life.run(story)
