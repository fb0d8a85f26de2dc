"""Labs played side by side by programs of their own, for the tests that judge the drills: what each saw, and what it left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.played import ENTER, LIMIT_S, REPOSITORY

Step = tuple[str, str, str | None, int]  # its name, the drill, the sabotage, the patience in seconds

SERVED = "clients are served again at the same address"
SHARE = "our share of the gap"
FRONT = "front on the permit's holder, and the incident says it was looked at"
CLOSED = "incidents closed as recovered"
ALARM = "the alarm noticed it"
TWICE = "moments with two nodes serving"
AGENT_BACK = "until the agent's next run says that all is well"
NEWCOMER_SERVED = "moments in which it served"

Rule = tuple[str, str, str]  # a file of ours, a text that stands there once, and what stands there instead

# In a copy, an agent that waits for its permit starts its applications instead of holding them down.
WITHOUT_PERMIT_RULE: tuple[Rule, ...] = (
    (
        "core/node/leaving.py",
        """    actions: list[Action] = list(_stops(memory, snapshot, assembly, alive, why, hard=hard or waiting))
""",
        """    from core.node.state import Start
    actions: list[Action] = list(_stops(memory, snapshot, assembly, alive, why, hard=hard))
    if waiting:
        actions = [Start(name, memory.epoch) for name in start_order(assembly) if not snapshot.applications[name].alive]
""",
    ),
    # What runs without a permit would else be taken for a former life's, and the node would not say that it waits.
    ("core/node/decision.py", " and not (memory.newest == 0 and _anything_lives(snapshot))", ""),
)
# In a copy, what an application left in another session is not known for its own, and an agent ends when its notes cannot be written.
WITHOUT_CLEANING_AND_PATIENCE_WITH_THE_DISK: tuple[Rule, ...] = (
    ("agent/runs/group.py", "return environment is not None and has_mark(environment, self.mark)", "return False"),
    ("agent/notebook.py", "self._again_at_s = time.monotonic() + AGAIN_S", "raise error"),
)


@dataclass(frozen=True)
class Lab:
    """A lab that has played its steps. status: of its program; left: processes that outlived it."""

    status: int
    printed: str
    seen: dict[str, dict[str, Any]]
    left: list[str]

    def step(self, name: str) -> dict[str, Any]:
        assert name in self.seen, f"the lab ended before it:\n{self.printed[-6000:]}"
        assert not self.seen[name]["missing"], f"not steady before it: {self.seen[name]['missing']}\n{self.printed[-6000:]}"
        return self.seen[name]

    def promises(self, name: str) -> dict[str, dict[str, Any]]:
        return {promise["name"]: promise for promise in self.step(name)["result"]["promises"]}

    def broken(self, name: str) -> set[str]:
        """The names of the promises that did not hold."""
        return {promise for promise, judged in self.promises(name).items() if not judged["held"]}


class _Playing:
    """One lab's program; its output goes to a file, so that nobody need read it meanwhile."""

    def __init__(self, repository: Path, folder: Path, steps: Sequence[Step]) -> None:
        self._lab, self._results, self._log = folder / "lab", folder / "results.json", folder / "log"
        self._lab.mkdir(parents=True)
        plan = json.dumps([dict(zip(("name", "drill", "sabotage", "patience_s"), step, strict=True)) for step in steps])
        program = [sys.executable, str(repository / "tests/lab/proving.py"), str(self._lab), str(self._results), plan]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", ENTER, *program],
                cwd=repository,
                env={**os.environ, "PYTHONPATH": str(repository), "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def ended(self, until: float) -> Lab:
        try:
            status = self.process.wait(max(1.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.stop()
            status = -1
        seen = json.loads(self._results.read_text()) if self._results.exists() else {}
        return Lab(status, self._log.read_text(errors="replace"), seen, _processes_in(self._lab))

    def stop(self) -> None:
        """As Ctrl-C does; whatever does not end by that dies with the space."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def _processes_in(folder: Path) -> list[str]:
    """Command lines of the processes that name a folder or stand in it."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(folder) in words or str((process / "cwd").readlink()).startswith(str(folder)):
                found.append(words)
        except OSError:
            continue  # it ended while we looked, or is not ours
    return found


def copy_without(rules: Sequence[Rule], to: Path) -> Path:
    """The repository's files, with what is installed linked, and some rules turned round."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
        timeout=60,
    )
    for name in listed.stdout.decode().split("\0"):
        source, target = REPOSITORY / name, to / name
        if name and source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for installed in (".venv", "node_modules", ".build"):
        (to / installed).symlink_to(REPOSITORY / installed)
    for path, rule, instead in rules:
        text = (to / path).read_text()
        assert text.count(rule) == 1, f"{path} has changed, and with it the rule that a copy is to be without: {rule}"
        (to / path).write_text(text.replace(rule, instead))
    return to


@contextmanager
def playing(folder: Path, plays: Sequence[tuple[Path, Sequence[Step]]]) -> Iterator[tuple[Lab, ...]]:
    """Play each plan in a lab of its own, from a repository's folder, all at once; what they saw, when the last has ended."""
    until = time.monotonic() + LIMIT_S
    labs: list[_Playing] = []
    try:
        for number, (repository, steps) in enumerate(plays):
            labs.append(_Playing(repository, folder / f"lab-{number}", steps))
        yield tuple(lab.ended(until) for lab in labs)
    finally:
        for lab in labs:
            lab.stop()
