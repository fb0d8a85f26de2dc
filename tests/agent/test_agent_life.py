"""A whole life of the agent in this process, with fakes for AWS and real applications."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.daemon import World, live
from agent.log import Log
from agent.ports import Unreachable
from agent.systemd import GoingDown, Notifier
from core.application import Run
from core.model import Application, Deployable, Tolerance, Verdict
from core.records import Phase
from core.settings import node_settings_to_json, parse_node_settings
from tests.agent.programs import eventually
from tests.agent.worlds import INSTANCE, FakeBucket, FakeMetadata, FakeTable, deployable_of, living, permit

pytestmark = pytest.mark.usefixtures("alone")


class Notes(Notifier):
    def __init__(self) -> None:
        super().__init__(None)
        self.said: list[str] = []

    def say(self, *assignments: str) -> None:
        self.said += assignments


class Life:
    def __init__(self, folder: Path, *applications: Application) -> None:
        self.deployable: Deployable = deployable_of(*applications)
        self.table, self.bucket, self.metadata, self.notes = FakeTable(), FakeBucket(), FakeMetadata(), Notes()
        self.stream, self.folder, self.living = io.StringIO(), folder, False

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.stream.getvalue().splitlines()]

    def phase(self) -> Phase | None:
        report = self.table.report("demo", "counter")
        return report.phase if report else None

    async def eventually(self, look: Callable[[], Any]) -> Any:
        return await eventually(look)

    def run(self, story: Callable[[], Awaitable[None]]) -> None:
        """Live while the story goes on, then be told to stop."""
        settings = parse_node_settings(node_settings_to_json(self.deployable, "counter"))
        world = World(
            identity=self.metadata.identity(),
            metadata=self.metadata,
            table=self.table,
            bucket=self.bucket,
            state_folder=self.folder,
            control=self.folder / "run" / "agent.sock",
            log=Log(self.stream),
            notifier=self.notes,
        )

        async def both() -> None:
            task = asyncio.create_task(live(settings, world))
            task.add_done_callback(lambda _: setattr(self, "living", False))
            self.living = True
            try:
                await self.eventually(lambda: "READY=1" in self.notes.said or task.done())
                await story()
                if not task.done():
                    os.kill(os.getpid(), signal.SIGTERM)
                async with asyncio.timeout(30):
                    await task
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        asyncio.run(both())


def sleeper(**changes: Any) -> Application:
    return Application(**{"name": "sleeper", "run": Run(exec=(sys.executable, "-c", "import time; time.sleep(600)")), **changes})


def test_a_short_outage_of_the_table_is_said_once_and_the_application_never_notices(tmp_path: Path) -> None:
    life = Life(tmp_path, sleeper())
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        life.table.trouble = Unreachable("no route")
        await life.eventually(lambda: "permit-trouble" in life.events())
        life.table.trouble = None
        await life.eventually(lambda: "permit-well-again" in life.events())

    life.run(story)
    assert life.events().count("start") == 1
    assert life.events().count("permit-trouble") == 1


def test_an_agent_that_is_told_to_stop_leaves_its_applications_running_and_says_so(tmp_path: Path) -> None:
    life = Life(tmp_path, sleeper())
    life.table.write_permit(permit(epoch=6))
    pids: list[int] = []

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        pids.extend(living("sleeper"))

    life.run(story)
    assert living("sleeper") == pids != []
    last = life.table.report("demo", "counter")
    assert last is not None
    assert (last.phase, last.epoch, last.verdict) == (Phase.RUNNING, 6, Verdict.HEALTHY)
    assert "STOPPING=1" in life.notes.said
    assert not life.bucket.objects


def test_what_an_agent_saw_last_is_in_the_bucket_while_it_fails_though_it_asks_for_no_other_machine(tmp_path: Path) -> None:
    """Whoever ends the machine for its signals cannot ask it for its journal. Kept once, and again only after half a minute."""
    life = Life(tmp_path, sleeper(run=Run(exec=("/bin/false",)), tolerance=Tolerance(failures=None, window_s=60.0)))
    life.table.write_permit(permit())
    puts: list[tuple[str, bytes]] = []

    async def story() -> None:
        life.bucket.put = lambda key, body: puts.append((key, body))  # type: ignore[method-assign]
        await life.eventually(lambda: puts and life.events().count("start") > 1)

    life.run(story)
    (kept,) = puts[:1]
    assert kept[0] == f"evidence/demo/counter/{INSTANCE}/journal.jsonl"
    assert b'"start"' in kept[1]
    assert len(puts) == 1
    assert [sk for _, sk in life.table.items if sk.startswith("REQUEST#")] == []


@pytest.mark.parametrize(("machine", "phase"), [(GoingDown.COMES_BACK, Phase.STOPPING), (GoingDown.FOR_GOOD, Phase.RELEASED)])
def test_a_machine_that_goes_down_stops_its_applications_and_releases_its_permit_only_when_it_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: GoingDown, phase: Phase
) -> None:
    monkeypatch.setattr("agent.daemon.going_down", lambda: machine)
    life = Life(tmp_path, sleeper())
    life.table.write_permit(permit(epoch=6))

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)

    life.run(story)
    last = life.table.report("demo", "counter")
    assert last is not None
    assert (last.phase, last.epoch, last.verdict) == (phase, 6, Verdict.FAILING)
    assert living("sleeper") == []
    assert list(life.bucket.objects) == [f"evidence/demo/counter/{INSTANCE}/journal.jsonl"]


def test_a_release_that_cannot_be_written_down_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("agent.notebook.write_given_up", full)
    life = Life(tmp_path, sleeper())
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        life.metadata.state = "Terminated"
        await life.eventually(lambda: "give-up-trouble" in life.events())
        await asyncio.sleep(0.1)

    life.run(story)
    assert life.phase() is Phase.STOPPING


def test_a_steady_state_is_quiet_and_feeds_the_watchdog(tmp_path: Path) -> None:
    life = Life(tmp_path, sleeper())

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.WAITING and life.events() == ["ready"])
        lines, fed = len(life.events()), life.notes.said.count("WATCHDOG=1")
        await life.eventually(lambda: life.notes.said.count("WATCHDOG=1") >= fed + 2)
        assert len(life.events()) == lines

    life.run(story)


def test_each_failure_is_said_once_with_its_reason_and_when_it_is_tried_again(tmp_path: Path) -> None:
    life = Life(tmp_path, sleeper(run=Run(exec=("/bin/sh", "-c", "exit 7"))))
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: life.events().count("failed") == 3)

    life.run(story)
    failures = [line for line in map(json.loads, life.stream.getvalue().splitlines()) if line["event"] == "failed"]
    assert [(line["application"], line["run"], line["reason"]) for line in failures] == [
        ("sleeper", run, "exited with status 7") for run in (1, 2, 3)
    ]
    assert [line["again_in_s"] for line in failures] == [0.0, 0.5, 1.0]


def test_an_application_that_cannot_be_started_asks_for_another_node(tmp_path: Path) -> None:
    life = Life(tmp_path, sleeper(run=Run(exec=("/no/such/program",)), tolerance=Tolerance(0, 60)))
    life.table.write_permit(permit())

    async def story() -> None:
        item = await life.eventually(lambda: life.table.items.get(("NODE#demo#counter", f"REQUEST#{INSTANCE}")))
        assert "cannot start" in item["reason"]
        assert "/no/such/program" in item["reason"]

    life.run(story)


def test_when_a_part_of_the_agent_fails_its_applications_run_on_and_its_next_life_adopts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = Life(tmp_path, sleeper())
    life.table.write_permit(permit())
    pids: list[int] = []

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        pids.extend(living("sleeper"))

        def bug(*_: object) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr(life.metadata, "target_lifecycle_state", bug)
        await life.eventually(lambda: not life.living)

    with pytest.raises(ExceptionGroup):
        life.run(story)
    assert living("sleeper") == pids != []

    next_life = Life(tmp_path, sleeper())
    next_life.table.write_permit(permit())

    async def adopted() -> None:
        await next_life.eventually(lambda: next_life.phase() is Phase.RUNNING)

    next_life.run(adopted)
    assert living("sleeper") == pids
    assert "adopted" in next_life.events()
    assert "start" not in next_life.events()
