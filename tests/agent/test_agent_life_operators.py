"""What people at the machine can do and ask: offline, clean, online, and why; through the agent's own socket."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.__main__ import main
from agent.control_socket import call
from agent.runs import files
from core.application import Run
from core.model import Probe, Verdict
from core.records import Phase
from core.settings import node_settings_to_json
from tests.agent.test_agent_life import Life, sleeper
from tests.agent.worlds import deployable_of, living, permit

pytestmark = pytest.mark.usefixtures("alone")


async def ask(life: Life, do: str, application: str | None = "sleeper") -> dict[str, Any]:
    path = str(life.folder / "run" / "agent.sock")
    return await asyncio.to_thread(call, path, {"do": do, "application": application}, 20.0)


def told(life: Life) -> tuple[Verdict, str]:
    report = life.table.report("demo", "counter")
    assert report is not None
    return report.applications[0][1].verdict, report.applications[0][1].reason


def test_offline_stops_it_and_holds_it_down_across_lives_until_online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.operators.SETTLED_S", 0.1)
    first = Life(tmp_path, sleeper())
    first.table.write_permit(permit())

    async def take_offline() -> None:
        await first.eventually(lambda: first.phase() is Phase.RUNNING)
        answer = await ask(first, "offline")
        assert answer == {"ok": True, "done": "sleeper is offline; held down until online"}
        assert living("sleeper/") == []
        await first.eventually(lambda: told(first)[0] is Verdict.UNKNOWN and told(first)[1].startswith("held offline by an operator"))

    first.run(take_offline)
    second = Life(tmp_path, sleeper())
    second.table.write_permit(permit())

    async def bring_online() -> None:
        await second.eventually(lambda: second.phase() is Phase.RUNNING)
        assert living("sleeper/") == []
        assert (await ask(second, "offline"))["done"] == "sleeper is offline, and did not run before; held down until online"
        assert await ask(second, "online") == {"ok": True, "done": "sleeper is up"}
        assert len(living("sleeper/")) == 1
        assert (await ask(second, "online"))["done"] == "sleeper is up already"

    second.run(bring_online)


def test_clean_kills_the_whole_group_at_once_however_deaf_it_is(tmp_path: Path) -> None:
    deaf = "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    deaf += "subprocess.Popen(['sleep', '600'], start_new_session=True); time.sleep(600)"
    life = Life(tmp_path, sleeper(run=Run(exec=(sys.executable, "-c", deaf)), stop_timeout_s=60.0))
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: len(living("sleeper/")) == 2)
        assert (await ask(life, "clean"))["done"] == "sleeper is clean; held down until online"
        assert living("sleeper/") == []

    life.run(story)


def test_online_of_one_that_does_not_come_up_says_so_and_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.operators.SETTLED_S", 60.0)
    life = Life(tmp_path, sleeper(run=Run(exec=(sys.executable, "-c", "raise SystemExit(4)"))))
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: "start" in life.events())
        await ask(life, "clean")
        answer = await ask(life, "online")
        assert (answer["ok"], answer["error"]) == (False, "sleeper is not up: exited with status 4")

    life.run(story)


def test_without_a_permit_nothing_is_brought_online(tmp_path: Path) -> None:
    life = Life(tmp_path, sleeper())

    async def story() -> None:
        answer = await ask(life, "online", None)
        assert answer["error"] == "nothing may run on this node: it is waiting: no permit names this node yet"

    life.run(story)


def test_online_of_one_that_nobody_asks_is_answered_once_it_has_settled_and_not_at_some_later_cycle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.cycle.CYCLE_S_MAX", 600.0)
    monkeypatch.setattr("agent.operators.SETTLED_S", 0.5)
    life = Life(tmp_path, sleeper())
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        assert (await ask(life, "offline"))["ok"]
        assert (await ask(life, "online"))["done"] == "sleeper is up"

    life.run(story)


def test_the_drain_command_runs_before_the_program_is_asked_to_stop(tmp_path: Path) -> None:
    drained = tmp_path / "drained"
    # It finds the program alive, and what it writes is there before the program is gone.
    drain = ("/bin/sh", "-c", f'kill -0 "$(cat {tmp_path}/pid)" && echo "$UNDERSTUDY_APPLICATION" > {drained}')
    program = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    life = Life(tmp_path, sleeper(run=Run(exec=(sys.executable, "-c", program)), drain=drain))
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        assert (await ask(life, "offline"))["ok"]
        assert drained.read_text() == "sleeper\n"

    life.run(story)


def test_the_drain_command_is_not_handed_the_many_descriptors_of_the_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_usual", 256)
    life = Life(tmp_path, sleeper(drain=("sh", "-c", f"ulimit -Sn > {tmp_path}/limit")))
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        assert (await ask(life, "offline"))["ok"]
        assert (tmp_path / "limit").read_text() == "256\n"

    life.run(story)


def test_a_drain_that_takes_too_long_is_ended_and_said(tmp_path: Path) -> None:
    life = Life(tmp_path, sleeper(drain=("sleep", "600"), drain_timeout_s=0.2))
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        assert (await ask(life, "offline"))["done"] == "sleeper is offline; draining sleeper: not done after 0.2 s"

    life.run(story)


def test_why_tells_the_verdict_with_the_probes_last_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = tmp_path / "answer"
    answer.write_text("exit 0")
    probe = Probe(command=("/bin/sh", str(answer)), every_s=1.0, timeout_s=1.0, fall=3, busy_exits=(3,))
    monkeypatch.setattr("agent.examiner.STARTING_PROGRAM_EVERY_S", 0.05)
    life = Life(tmp_path, sleeper(probes=(probe,)))
    life.table.write_permit(permit())
    monkeypatch.setenv("UNDERSTUDY_SOCKET", str(tmp_path / "run" / "agent.sock"))

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        answer.write_text("echo too much to do; exit 3")
        await life.eventually(lambda: told(life)[0] is Verdict.BUSY)
        assert await asyncio.to_thread(main, ["why", "sleeper"]) == 0
        text = capsys.readouterr().out
        assert text.startswith("sleeper: busy: command /bin/sh: exit status 3: too much to do\n")
        assert " s ago  good" in text
        assert "0 failures counted; 3 tolerated in 300 s; penalty 0" in text
        assert await asyncio.to_thread(main, ["why", "--json"]) == 0
        whole = json.loads(capsys.readouterr().out)
        assert whole["sleeper"]["probes"][0]["recent"][-1]["outcome"] == "busy"
        assert await asyncio.to_thread(main, ["why", "nobody"]) == 1
        assert "use one of ['sleeper']" in capsys.readouterr().err

    life.run(story)


def test_why_without_an_agent_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("UNDERSTUDY_SOCKET", str(tmp_path / "agent.sock"))

    assert main(["why"]) == 1
    told = capsys.readouterr().err
    assert "No such file or directory" in told
    assert "does the agent run" in told


def test_rehearse_prints_what_would_be_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "agent.json").write_text(node_settings_to_json(deployable_of(sleeper()), "counter"))
    lines = [
        '{"settings": "agent.json"}',
        '{"at_s": 1}',
        '{"at_s": 5, "application": "sleeper", "exit": "killed by SIGKILL"}',
        '{"at_s": 9}',
    ]
    (tmp_path / "recording").write_text("\n".join(lines) + "\n")

    assert main(["rehearse", str(tmp_path / "recording")]) == 0
    assert "killed by SIGKILL" in capsys.readouterr().out
    (tmp_path / "recording").write_text('{"at_s": 1}\n')
    assert main(["rehearse", str(tmp_path / "recording")]) == 2
    assert "no settings are named" in capsys.readouterr().err
