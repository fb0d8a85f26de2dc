"""An agent that dies at a chosen effect, as a program: python faulty_agent.py FOLDER STORY FAULT.

FAULT is `none`, or `EFFECT:NUMBER:before` or `:after`: at the NUMBER-th call of that effect the process is gone, without another
instruction. Effects are the agent's own functions, wrapped here by their names, so that the agent has no seam for it. What was
reached is written to FOLDER/effects, a line each.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from agent.cycle import Cycle
from agent.daemon import World, live
from agent.holder import NodeHolder
from agent.log import Log
from agent.ports import Trouble
from agent.systemd import Notifier
from core.model import Verdict
from core.records import Item, Permit, Phase, Report, Request, parse_permit, report_item, request_item
from core.settings import parse_node_settings
from tests.agent.worlds import FakeBucket, FakeMetadata

EFFECTS = {
    "note": ("agent.notebook", "write_notes"),
    "rename": ("pathlib", "Path.rename"),
    "fsync": ("os", "fsync"),
    "begin": ("agent.supervised", "Supervised.begin"),
    "spawn": ("agent.runs.launch", "spawn"),
    "started": ("agent.supervised", "Supervised.start"),
    "stop": ("agent.runs.children", "ProcessRun.stop"),
    "clean": ("agent.runs.children", "ProcessRun.clean"),
    "collect": ("agent.runs.children", "Own.collect"),
    "adopt": ("agent.supervised", "adopt"),
    "give-up": ("agent.notebook", "write_given_up"),
    "report": ("__main__", "FileTable.write_report"),
    "ask": ("__main__", "FileTable.write_request"),
}
PATIENCE_S = 20.0


class FileTable:
    """agent.ports.Table in a folder: `permit` is read from it, `report` and `request` are written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read_permit(self, deployable: str, assembly: str) -> Permit | None:
        return parse_permit(json.loads((self.folder / "permit").read_text()))

    def write_report(self, report: Report) -> None:
        self._write("report", report_item(report))

    def write_request(self, request: Request) -> None:
        self._write("request", request_item(request))

    def _write(self, name: str, item: Item) -> None:
        (self.folder / f"{name}.new").write_text(json.dumps(item))
        os.replace(self.folder / f"{name}.new", self.folder / name)


def inject(folder: Path, fault: str) -> None:
    """Wrap every effect; the wrapper of the chosen one ends the process."""
    calls: Counter[str] = Counter()
    said = os.open(folder / "effects", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def wrapped(effect: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            calls[effect] += 1
            number = calls[effect]
            os.write(said, f"{effect}:{number}\n".encode())
            if fault == f"{effect}:{number}:before":
                os._exit(9)
            result = function(*arguments, **named)
            if fault == f"{effect}:{number}:after":
                os._exit(9)
            return result

        return call

    for effect, (module, path) in EFFECTS.items():
        holder: Any = importlib.import_module(module)
        *classes, name = path.split(".")
        for each in classes:
            holder = getattr(holder, each)
        setattr(holder, name, wrapped(effect, getattr(holder, name)))


# --- stories -------------------------------------------------------------------------------------------------------


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.005)


def is_well(cycle: Cycle) -> bool:
    told = cycle.concluded.applications
    return (
        cycle.memory.confirmed
        and all(verdict is Verdict.HEALTHY for verdict, _ in told.values())
        and all(application.alive for application in cycle.applications.values())
    )


async def be_well(cycle: Cycle) -> None:
    """Everything runs, also what a former life was told to hold down; then the agent is told to stop."""
    await until(lambda: cycle.memory.confirmed)
    for name in list(cycle.knowledge.held):
        await NodeHolder(cycle).online(name)
    await until(lambda: is_well(cycle))


async def crash(cycle: Cycle) -> None:
    """Everything runs; then the agent is gone."""
    await be_well(cycle)
    os._exit(9)


async def work(cycle: Cycle) -> None:
    """Everything runs, is killed and restarted, taken offline and brought online again."""
    await be_well(cycle)
    web, before = cycle.applications["web"], cycle.applications["web"].run
    os.kill(web.pid or 0, signal.SIGKILL)
    await until(lambda: web.run > before and is_well(cycle))
    holder = NodeHolder(cycle)
    try:
        await holder.offline("db")
        await holder.online("db")
    except Trouble as trouble:
        print(f"trouble: {trouble}", flush=True)
    await be_well(cycle)


async def be_released(cycle: Cycle) -> None:
    """The permit goes to another: nothing runs any more, and that is written down; a node that held none waits."""
    folder = Path(sys.argv[1])
    (folder / "permit").write_text((folder / "another").read_text())
    epoch = json.loads((folder / "another").read_text())["epoch"]
    await until(lambda: cycle.memory.newest == epoch and cycle.concluded.phase in (Phase.RELEASED, Phase.WAITING))


async def be_superseded(cycle: Cycle) -> None:
    await be_well(cycle)
    await be_released(cycle)


STORIES: dict[str, Callable[[Cycle], Awaitable[None]]] = {
    "be-well": be_well,
    "crash": crash,
    "work": work,
    "be-superseded": be_superseded,
    "be-released": be_released,
}


async def main(folder: Path, story: str, fault: str) -> None:
    cycles: list[Cycle] = []
    build = Cycle.__init__

    def note(self: Cycle, *arguments: Any, **named: Any) -> None:
        build(self, *arguments, **named)
        cycles.append(self)

    Cycle.__init__ = note  # type: ignore[method-assign]  # the story looks at the agent from inside
    inject(folder, fault)
    metadata = FakeMetadata(instance=(folder / "instance").read_text())
    world = World(
        identity=metadata.identity(),
        metadata=metadata,
        table=FileTable(folder),
        bucket=FakeBucket(),
        state_folder=folder / "state",
        control=folder / "run" / "agent.sock",
        log=Log(),
        notifier=Notifier(None),
    )
    settings = parse_node_settings((folder / "agent.json").read_text())

    async def tell() -> None:
        await until(lambda: bool(cycles))
        await STORIES[story](cycles[0])
        os.kill(os.getpid(), signal.SIGTERM)

    telling = asyncio.create_task(tell())
    await live(settings, world)
    await telling


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
