"""Drills that need several labs, one after another: each in a program of its own, the table of all of them at the end."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from lab import space
from lab.drills import report
from lab.drills.model import Promise, Result
from lab.drills.programme import Evening, Files, plan
from lab.drills.rows import result_of
from lab.drills.runner import write_html, write_rows

Row = dict[str, Any]
Say = Callable[[str], None]
_NO_SPACE, _EMULATOR_DIED = space.REFUSED, 4
_LAB = (sys.executable, "-m", "lab")


class Interrupted(Exception):
    """A signal came; its number is the argument."""


class ManyLabs:
    """Plays evening after evening. rows: the results so far, as `--json` has them; in the end one for each drill that was begun."""

    def __init__(
        self, folder: Path, options: Sequence[str], say: Say, keep: Callable[[list[Row]], None], program: Sequence[str] = _LAB
    ) -> None:
        """options: for each lab's own command. keep: called with all rows whenever a lab has ended. program: what plays one lab."""
        self._folder, self._options, self._say, self._keep, self._program = folder, options, say, keep, program
        self.rows: list[Row] = []
        self._lab: subprocess.Popen[bytes] | None = None
        self._asked = 0
        self._count = 0

    def play(self, evenings: Sequence[Evening]) -> int:
        """Exit status: 0 only if all held, 3 when this machine has no namespaces, 128 and the signal when one came."""
        before = {number: signal.getsignal(number) for number in space.SIGNALS}
        try:
            for number in space.SIGNALS:
                if number != signal.SIGHUP or before[number] is not signal.SIG_IGN:  # nohup means what it says
                    signal.signal(number, self._pass_on)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, space.SIGNALS)
            for number_of, evening in enumerate(evenings, 1):
                self._say(f"\n==== lab {number_of} of {len(evenings)}: {evening.setting.name}: {', '.join(evening.names)}")
                code = self._evening(evening)
                if code == _NO_SPACE:
                    return code
            return 0 if all(row["held"] for row in self.rows) else 1
        except Interrupted:
            return 128 + self._asked
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _evening(self, evening: Evening) -> int:
        """All of its drills, in a fresh lab whenever one could not go on; a drill that no lab could begin is broken."""
        left = list(evening.names)
        files = evening.setting.files(self._folder)
        code = 0
        while left:
            code, rows = self._one_lab(left, files)
            played = [row["drill"] for row in rows]
            if code == _NO_SPACE:
                return code
            if not rows or code == _EMULATOR_DIED:  # where it died, the drill that was under way is lost with it
                lost = left[len(played)]
                rows.append(Result(drill=lost, deployable=evening.setting.name, promises=(_unplayed(code),)).json())
                played.append(lost)
            self.rows += rows
            self._keep(self.rows)
            left = left[len(played) :]
        return code

    def _one_lab(self, names: Sequence[str], files: Files) -> tuple[int, list[Row]]:
        """Exit status and rows of the drills that a lab played; fewer than asked when it could not go on. Raises Interrupted."""
        self._count += 1
        out = self._folder / f"results-{self._count}.json"
        deployable, foundation = files
        shared = ["--foundation", str(foundation)] if foundation is not None else []
        command = [*self._program, "drill", *names, "--deployable", str(deployable), *shared, *self._options]
        code = 0
        if not self._asked:
            # A session of its own: a terminal's Ctrl-C comes through us alone, once.
            self._lab = subprocess.Popen([*command, "--json", str(out), "--steady"], start_new_session=True)
            self._hurry()
            code = self._lab.wait()
        rows: list[Row] = json.loads(out.read_text()) if out.exists() else []
        if self._asked:
            self.rows += rows
            self._keep(self.rows)
            raise Interrupted(self._asked)
        return (128 - code if code < 0 else code), rows

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        self._asked = number
        if self._lab is not None and self._lab.poll() is None:
            self._lab.send_signal(number)

    def _hurry(self) -> None:
        """A signal that came while the program was being started has not reached it."""
        if self._asked and self._lab is not None:
            self._lab.send_signal(self._asked)


def _unplayed(code: int) -> Promise:
    return Promise(f"played: its lab ended before, with status {code}", False, 0, 1, "count")


def one_will_do(evenings: Sequence[Evening]) -> Path | None:
    """The deployable's file, when one lab of one that is there already is all that is needed."""
    return evenings[0].setting.ready if len(evenings) == 1 else None


def play(evenings: Sequence[Evening], args: argparse.Namespace, labs: Path) -> int:
    """Play them all and print the table of what was seen, however it ends. labs: where generated files may lie meanwhile."""
    options = ["--patience", str(args.patience), "--time-scale", str(args.time_scale)]
    for option, value in (("--sabotage", args.sabotage), ("--assembly", args.assembly)):
        options += [option, value] if value is not None else []

    def keep(rows: Sequence[Row]) -> None:
        if args.json is not None:
            write_rows(rows, args.json)

    labs.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="files-", dir=labs) as folder:
        many = ManyLabs(Path(folder), options, _say, keep)
        code = many.play(evenings)
    wanted = sum(len(evening.names) for evening in evenings)
    results = [result_of(row) for row in many.rows]
    if results:
        _say("\n" + report.summary(results))
    if args.html is not None:
        write_html(results, args.html)
    _say("\n" + report.verdict(results, wanted))
    return code


def _say(line: str) -> None:
    print(line, flush=True)


__all__ = ["one_will_do", "plan", "play"]
