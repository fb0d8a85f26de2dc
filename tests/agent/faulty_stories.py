"""What happens in the lives of an agent that is to die: told from inside, by looking at its cycle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from agent import cycle as cycle_module
from agent import daemon, examiner, notebook, operators, watchers
from agent.cycle import Cycle
from agent.holder import NodeHolder
from agent.ports import Trouble
from agent.systemd import GoingDown
from core.model import Verdict
from core.node import running as node_running
from core.node import supervision
from core.records import Phase
from tests.agent.programs import eventually
from tests.agent.worlds import FakeMetadata

acting: list[str] = []  # what the story itself does to the world is not the agent's doing


@dataclass(frozen=True, slots=True)
class Stage:
    cycle: Cycle
    metadata: FakeMetadata
    folder: Path


@dataclass(frozen=True, slots=True)
class Story:
    """machine: what becomes of it when the agent is told to stop. settings: of the agent, a file in the folder."""

    tell: Callable[[Stage], Awaitable[None]]
    machine: GoingDown = GoingDown.NO
    settings: str = "agent.json"


def prepare(story: Story) -> None:
    """What is seconds on a node is not worth waiting for here."""
    operators.SETTLED_S = cycle_module.CYCLE_S_MAX = 0.1
    notebook.AGAIN_S = 0.1
    node_running.CANNOT_TELL_S = 0.2
    supervision.CEILING_S = 0.5
    examiner.own_monitor = lambda _application: replace(examiner.MONITOR, every_s=0.5, timeout_s=0.5)
    watchers.PERMIT_RUNNING_S = watchers.TARGET_STATE_S = 0.2
    daemon.going_down = lambda: story.machine  # type: ignore[attr-defined]  # as it is imported there


@contextmanager
def _acting() -> Iterator[None]:
    acting.append("story")
    try:
        yield
    finally:
        acting.pop()


def is_well(cycle: Cycle) -> bool:
    told = cycle.concluded.applications
    return (
        cycle.memory.confirmed
        and cycle.concluded.phase is Phase.RUNNING
        and all(verdict is Verdict.HEALTHY for verdict, _ in told.values())
        and all(application.alive and application.seen().started for application in cycle.applications.values())
    )


def kill(cycle: Cycle, name: str) -> None:
    """Its first process, as the kernel does when memory is short."""
    pid = cycle.applications[name].pid
    assert pid, f"{name} has no process"
    with _acting():
        os.kill(pid, signal.SIGKILL)


# --- stories -------------------------------------------------------------------------------------------------------


async def be_well(stage: Stage) -> None:
    """Everything runs, also what a former life was told to hold down; then the agent is told to stop."""
    cycle = stage.cycle
    await eventually(lambda: cycle.memory.confirmed)
    for name in list(cycle.knowledge.held):
        await NodeHolder(cycle).online(name)
    await eventually(lambda: is_well(cycle))


async def crash(stage: Stage) -> None:
    """Everything runs; then the agent is gone."""
    await be_well(stage)
    os._exit(9)


async def crash_with_the_leader(stage: Stage) -> None:
    """The agent is gone, and so are the leaders: what they had started is all that is left of the applications."""
    await be_well(stage)
    for name in stage.cycle.applications:
        kill(stage.cycle, name)
    os._exit(9)


async def work(stage: Stage) -> None:
    """Everything runs, is killed and restarted, taken offline and brought online again, cleaned and brought online again."""
    cycle = stage.cycle
    await be_well(stage)
    web, before = cycle.applications["web"], cycle.applications["web"].run
    kill(cycle, "web")
    await eventually(lambda: web.run > before and is_well(cycle))
    holder = NodeHolder(cycle)
    try:
        await holder.offline("db")
        await holder.online("db")
        await holder.clean("web")
        await holder.online("web")
    except Trouble as trouble:
        print(f"trouble: {trouble}", flush=True)
    await be_well(stage)


async def be_released(stage: Stage) -> None:
    """The permit goes to another: nothing runs any more, and that is written down; a node that held none waits."""
    cycle, folder = stage.cycle, stage.folder
    with _acting():
        (folder / "permit").write_text((folder / "another").read_text())
    epoch = json.loads((folder / "another").read_text())["epoch"]
    await eventually(lambda: cycle.memory.newest == epoch and cycle.concluded.phase in (Phase.RELEASED, Phase.WAITING))


async def be_superseded(stage: Stage) -> None:
    await be_well(stage)
    await be_released(stage)


async def be_terminated(stage: Stage) -> None:
    await be_well(stage)
    stage.metadata.state = "Terminated"
    await eventually(lambda: stage.cycle.concluded.phase is Phase.RELEASED)


async def settle(stage: Stage) -> None:
    """Well, or released: whichever its former lives have brought it to."""
    cycle = stage.cycle
    await eventually(lambda: is_well(cycle) or (cycle.memory.confirmed and cycle.concluded.phase is Phase.RELEASED))


# --- a machine in trouble ------------------------------------------------------------------------------------------


async def lose_the_disk(stage: Stage, lose: Callable[[], None], find: Callable[[], None], words: str) -> None:
    """Without its disk an application that dies is started again, the agent says why it writes nothing, and writes when it can."""
    cycle = stage.cycle
    await be_well(stage)
    web, before = cycle.applications["web"], cycle.applications["web"].run
    with _acting():
        lose()
    kill(cycle, "web")
    await eventually(lambda: web.run > before and is_well(cycle))
    await eventually(lambda: words in cycle.notebook.trouble)
    assert words in NodeHolder(cycle).status()["agent"]["state"]
    with _acting():
        find()
    await eventually(lambda: not cycle.notebook.trouble)


async def fill_the_disk(stage: Stage) -> None:
    """Whichever of its two folders is a small disk of its own."""
    fillers = [stage.folder / name / "filler" for name in ("state", "run") if os.path.ismount(stage.folder / name)]

    def fill() -> None:
        for filler in fillers:
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(b"x" * 512):
                    pass

    await lose_the_disk(stage, fill, lambda: [filler.unlink() for filler in fillers] and None, "No space left on device")


def _remount(folder: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,bind,{how}", str(folder)], check=True)


async def take_writing_away(stage: Stage) -> None:
    state = stage.folder / "state"
    await lose_the_disk(stage, lambda: _remount(state, "ro"), lambda: _remount(state, "rw"), "Read-only file system")


async def crash_on_a_read_only_disk(stage: Stage) -> None:
    """Its next life finds the disk as this one left it."""
    await be_well(stage)
    with _acting():
        _remount(stage.folder / "state", "ro")
    await crash(stage)


async def ask_and_go_on(stage: Stage) -> None:
    """It fails beyond its tolerance and asks to be replaced; nobody answers, and it goes on trying until the trouble is over."""
    cycle = stage.cycle
    await eventually((stage.folder / "request").exists)
    web = cycle.applications["web"]
    asked = web.run
    await eventually(lambda: web.run >= asked + 3)
    with _acting():
        (stage.folder / "repaired").touch()
    repaired = web.run
    await eventually(lambda: web.run > repaired and is_well(cycle))


async def not_tell(stage: Stage) -> None:
    """It cannot know whether its applications run: it starts nothing, says so and asks to be replaced."""
    await eventually((stage.folder / "request").exists)
    told = stage.cycle.concluded.applications.values()
    assert all(verdict is Verdict.UNKNOWN and reason.startswith("cannot tell whether it runs") for verdict, reason in told), told
    await eventually(lambda: json.loads((stage.folder / "report").read_text())["verdict"] == "unknown")


STORIES = {
    "fill-the-disk": Story(fill_the_disk),
    "take-writing-away": Story(take_writing_away),
    "crash-on-a-read-only-disk": Story(crash_on_a_read_only_disk),
    "ask-and-go-on": Story(ask_and_go_on, settings="fragile.json"),
    "not-tell": Story(not_tell),
    "be-well": Story(be_well),
    "crash": Story(crash),
    "crash-with-an-old-one": Story(crash, settings="former.json"),
    "crash-with-the-leader": Story(crash_with_the_leader),
    "work": Story(work),
    "be-superseded": Story(be_superseded),
    "be-released": Story(be_released),
    "be-terminated": Story(be_terminated),
    "reboot": Story(be_well, machine=GoingDown.COMES_BACK),
    "power-off": Story(be_well, machine=GoingDown.FOR_GOOD),
    "settle": Story(settle),
}
