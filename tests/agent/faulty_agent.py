"""An agent that dies at a chosen effect, as a program: python -m tests.agent.faulty_agent FOLDER STORY FAULT.

FAULT is `none`, or `EFFECT:NUMBER:before` or `:after`: at the NUMBER-th call of that effect the process is gone, without another
instruction. Effects are the agent's own functions, wrapped here by their names, so that the agent has no seam for it. What was
reached is written to FOLDER/effects, a line each; and so is, as `missed:...`, whatever the interpreter was seen to change outside
of all of them, so that a new way to change the world cannot go without its fault.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.cycle import Cycle
from agent.daemon import World, live
from agent.log import Log
from agent.systemd import Notifier
from core.items import Item, parse_permit, report_item, request_item
from core.records import Permit, Report, Request
from core.settings import parse_node_settings
from tests.agent import faulty_stories
from tests.agent.programs import eventually
from tests.agent.worlds import FakeBucket, FakeMetadata

EFFECTS = {
    "note": ("agent.notebook", "write_notes"),
    "rename": ("os", "rename"),
    "fsync": ("os", "fsync"),
    "begin": ("agent.supervised", "Supervised.begin"),
    "started": ("agent.supervised", "Supervised.start"),
    "spawn": ("agent.runs.launch", "spawn"),
    "program": ("subprocess", "Popen.__init__"),
    "acted": ("agent.runs.actions", "Action._read"),
    "cgroup": ("agent.runs.cgroups", "_make"),
    "place": ("agent.runs.cgroups", "Cgroup.place"),
    "unprotect": ("agent.runs.launch", "unprotect"),
    "stop": ("agent.runs.children", "ProcessRun.stop"),
    "clean": ("agent.runs.children", "ProcessRun.clean"),
    "managed-stop": ("agent.runs.managed", "ManagedRun.stop"),
    "managed-clean": ("agent.runs.managed", "ManagedRun.clean"),
    "signal": ("os", "killpg"),
    "send": ("agent.runs.proc", "send"),
    "cgroup-kill": ("agent.runs.cgroups", "Cgroup.kill"),
    "collect": ("agent.runs.leaders", "Own.collect"),
    "adopt": ("agent.supervised", "adopt"),
    "adopt-stranger": ("agent.succession", "adopt"),
    "clear": ("agent.runs.children", "_clear"),
    "give-up": ("agent.notebook", "write_given_up"),
    "report": ("__main__", "FileTable.write_report"),
    "ask": ("__main__", "FileTable.write_request"),
}
# Audit events (library reference, "Audit events table") of what changes something outside of this process.
CHANGES = {"subprocess.Popen", "os.kill", "os.killpg", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.link", "os.symlink"}
WRITES = os.O_WRONLY | os.O_RDWR


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
        new = self.folder / f"{name}.{threading.get_ident()}"  # an agent that leaves may write its last report beside one under way
        new.write_text(json.dumps(item))
        os.replace(new, self.folder / name)


def inject(folder: Path, fault: str) -> None:
    """Wrap every effect; the wrapper of the chosen one ends the process."""
    calls: Counter[str] = Counter()
    inside = threading.local()
    said = os.open(folder / "effects", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def wrapped(effect: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            calls[effect] += 1
            number = calls[effect]
            os.write(said, f"{effect}:{number}\n".encode())
            if fault == f"{effect}:{number}:before":
                os._exit(9)
            depth = getattr(inside, "depth", 0)
            inside.depth = depth + 1
            try:
                result = function(*arguments, **named)
            finally:
                inside.depth = depth
            if fault == f"{effect}:{number}:after":
                os._exit(9)
            return result

        return call

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        changes = event in CHANGES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES)
        if changes and not getattr(inside, "depth", 0) and not faulty_stories.acting:
            os.write(said, f"missed:{event}:{str(arguments[0])[:200]}\n".encode())

    for effect, (module, path) in EFFECTS.items():
        holder: Any = importlib.import_module(module)
        *classes, name = path.split(".")
        for each in classes:
            holder = getattr(holder, each)
        setattr(holder, name, wrapped(effect, getattr(holder, name)))
    sys.addaudithook(audit)


async def main(folder: Path, name: str, fault: str) -> None:
    story = faulty_stories.STORIES[name]
    cycles: list[Cycle] = []
    build = Cycle.__init__

    def note(self: Cycle, *arguments: Any, **named: Any) -> None:
        build(self, *arguments, **named)
        cycles.append(self)

    Cycle.__init__ = note  # type: ignore[method-assign]  # the story looks at the agent from inside
    faulty_stories.prepare(story)
    metadata = FakeMetadata(instance=(folder / "instance").read_text())
    settings = parse_node_settings((folder / story.settings).read_text())
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
    inject(folder, fault)

    async def tell() -> None:
        try:
            await eventually(lambda: bool(cycles))
            await story.tell(faulty_stories.Stage(cycles[0], metadata, folder))
        except BaseException:  # told, and the end of this process: whoever waits for the story must not wait for ever
            traceback.print_exc()
            os._exit(1)
        os.kill(os.getpid(), signal.SIGTERM)

    telling = asyncio.create_task(tell())
    await live(settings, world)
    await telling


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
