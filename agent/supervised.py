"""One application as the agent holds it: its current run, what is asked of it, and what they show together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from agent.adoption import epoch_of, former_run, mark_of
from agent.counting import Counting
from agent.drain import Draining
from agent.examiner import Examiner
from agent.measure import Meter
from agent.notes import Note
from agent.probes import ProbeContext
from agent.runs import CannotTell, RunState, adopt, start
from agent.runs.proc import ticks_now
from core.model import Application, Verdict
from core.node.decision import Hold, Seen
from core.node.supervision import History

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TELL_AGAIN_S = 5.0  # whether a former run lives is asked again so often, until it can be told
GONE = "ended while no agent was there (no exit status)"


class Supervised:
    """Starts, adopts and stops one application and has it examined; decides nothing. `changed` is called on every change."""

    def __init__(
        self, application: Application, *, environment: Mapping[str, str], instance: str, sockets: Path, changed: Callable[[], None]
    ) -> None:
        """environment: what every application is told. sockets: the folder for those that they speak to us on."""
        self.application = application
        self._environment, self._instance, self._changed = environment, instance, changed
        self._clock = asyncio.get_running_loop().time
        self._run: RunState | None = None
        self._examiner: Examiner | None = None
        self._meter = Meter(application)
        self._counting = Counting(application, changed, folder=sockets)
        self._ended: str | None = None
        self.draining = Draining(application)
        self._cannot_tell: str | None = None
        self._former: Note | None = None
        self._tell_again: asyncio.TimerHandle | None = None
        self._mark = ""
        self.run = self.epoch = self.begun_ticks = 0
        self.begun_at_s = self._started_at_s = 0.0

    @property
    def pid(self) -> int | None:
        return self._run.pid if self._run is not None and self._run.alive else None

    @property
    def alive(self) -> bool:
        return self._run is not None and self._run.alive

    @property
    def adopted(self) -> bool:
        return self._run is not None and self._run.alive and self._run.adopted

    @property
    def examiner(self) -> Examiner | None:
        """Of the run that goes on, or of the last one."""
        return self._examiner

    def note(self, *, counted: int, hold: Hold | None, history: History) -> Note:
        """What is to be written down: of the run, and what the cycle keeps of it."""
        if self._former is not None and self._cannot_tell is not None:
            return replace(self._former, counted=counted, hold=hold, history=history)
        run, examiner = self._run, self._examiner
        return Note(
            run=self.run,
            epoch=self.epoch,
            identity=run.identity() if run is not None and run.alive else None,
            begun_at_s=self.begun_at_s,
            begun_ticks=self.begun_ticks,
            ready=run is not None and examiner is not None and examiner.ready,
            counted=counted,
            hold=hold,
            history=history,
        )

    # --- beginning -----------------------------------------------------------------------------------------------

    def begin(self, epoch: int) -> None:
        """Number the next run, so that it can be written down before `start` makes it real."""
        assert not self.alive, f"{self.application.name} runs already"
        assert self._cannot_tell is None, f"{self.application.name} may run already"
        self._close()
        self.run, self.epoch = self.run + 1, epoch
        self.begun_at_s = self._started_at_s = self._clock()
        self.begun_ticks = ticks_now()
        self._mark = mark_of(self._instance, self.application.name, self.run)
        self._run, self._former, self._ended = None, None, None

    def start(self) -> None:
        """Start the run that was begun. That it cannot start is a run that ended at once."""
        try:
            self._counting.open()
            environment = self._told()
            self._run = start(self.application, environment=environment, mark=self._mark, changed=self._on_run)
        except (OSError, ValueError) as error:
            self._ended = f"cannot start: {error}"
        else:
            self._examine(self._run, environment, ready=False)
        self._changed()

    def restore(self, note: Note | None, living: set[int], *, same_boot: bool, lost: bool) -> None:
        """Take over what a former life left (agent.adoption.former_run)."""
        former = former_run(note, living, instance=self._instance, application=self.application.name, same_boot=same_boot, lost=lost)
        self.run, self._mark = former.run, former.mark
        if former.note is not None:
            self._former, self.epoch, self.begun_at_s = former.note, former.note.epoch, former.note.begun_at_s
            # It had a process, and is gone: a failure. Where it was only announced it may never have begun.
            self._adopt(former.note, ended=GONE if former.note.identity is not None else None)

    def _adopt(self, former: Note, *, ended: str | None) -> None:
        """Find the former run; again later when it cannot be told whether it lives."""
        try:
            run = adopt(self.application, former.identity, mark=self._mark, changed=self._on_run, since_ticks=former.begun_ticks)
        except CannotTell as error:
            self._cannot_tell = str(error)
            self._tell_again = asyncio.get_running_loop().call_later(TELL_AGAIN_S, self._adopt_again, former, ended)
            return
        self._cannot_tell = None
        if run is None:
            self._ended = ended
            return
        self._run, self._started_at_s = run, self._clock()
        self.epoch = self.epoch or epoch_of(run.pid)
        self._counting.open()
        self._examine(run, self._told(), ready=former.ready)

    def _adopt_again(self, former: Note, ended: str | None) -> None:
        self._adopt(former, ended=ended)
        self._changed()

    def _told(self) -> dict[str, str]:
        """The environment of its programs."""
        return {
            "PATH": os.environ.get("PATH", DEFAULT_PATH),
            "LANG": "C.UTF-8",
            **self._environment,
            **dict(self.application.environment),
            **self._counting.environment,
            "UNDERSTUDY_APPLICATION": self.application.name,
            "UNDERSTUDY_EPOCH": str(self.epoch),
        }

    def _examine(self, run: RunState, environment: Mapping[str, str], *, ready: bool) -> None:
        application = self.application
        context = ProbeContext(members=run.members, user=application.user, environment=environment, directory=application.directory or "/")
        self._examiner = Examiner(
            application,
            run,
            meter=self._meter,
            totals=lambda: self._counting.totals,
            context=context,
            ready=ready,
            clock=self._clock,
            changed=self._changed,
        )

    # --- ending ----------------------------------------------------------------------------------------------------

    def stop(self, grace_s: float, *, drain: bool = False) -> None:
        """Returns at once. Only the first call of a run counts as a change: asking again harder must not wake the asker."""
        if self._run is None or not self._run.alive:
            return
        first = not (self._run.stopping or self.draining.under_way)
        if first and drain and grace_s > 0 and self.application.drain is not None:
            self.draining.begin(self._told(), then=partial(self._run.stop, grace_s))
        elif not self.draining.under_way:
            self._run.stop(grace_s)
        elif grace_s <= 0:
            self.draining.give_up()
            self._run.stop(0.0)
        if first:
            self._changed()

    def let_go(self) -> None:
        """The agent leaves: what runs goes on, nobody asks it anything more."""
        self._close()
        self._counting.close()
        self.draining.give_up()
        if self._tell_again is not None:
            self._tell_again.cancel()

    def _on_run(self) -> None:
        """The run came up, or ended."""
        if self._run is not None and self._examiner is not None:
            if self._run.alive:
                self._examiner.note()
            else:
                self._close()
                self.draining.give_up()
        self._changed()

    def _close(self) -> None:
        if self._examiner is not None:
            self._examiner.close()

    # --- what is seen ------------------------------------------------------------------------------------------------

    def seen(self) -> Seen:
        run, examiner = self._run, self._examiner
        if run is None or examiner is None:
            return Seen(run=self.run, epoch=self.epoch, ended=self._ended, cannot_tell=self._cannot_tell)
        verdict, reason = examiner.verdict() if run.alive else (Verdict.UNKNOWN, "")
        return Seen(
            run=self.run,
            epoch=self.epoch,
            alive=run.alive,
            stopping=run.stopping or (run.alive and self.draining.under_way),
            started_at_s=self._started_at_s,
            ended=run.ended,
            started=run.started,
            degraded=run.degraded,
            ready=examiner.ready,
            verdict=verdict,
            reason=reason,
            healthy_since_s=examiner.healthy_since_s,
            adopted=run.adopted,
        )

    def warnings(self) -> dict[str, str]:
        """What is said without doing anything, by subject."""
        said = {text.partition(":")[0].partition(" is ")[0]: text for text in self._run.warnings} if self._run is not None else {}
        if self.alive and self._counting.trouble:
            said["counters"] = self._counting.trouble
        return said | (self._examiner.warnings() if self._examiner is not None and self.alive else {})

    def told(self) -> dict[str, Any]:
        """For people and metrics, as plain values."""
        examiner = self._examiner if self.alive else None
        busy_s = self._clock() - examiner.busy_since_s if examiner is not None and examiner.busy_since_s is not None else 0.0
        return {
            "run": self.run,
            "pid": self.pid,
            "adopted": self.adopted,
            "busy_s": round(busy_s, 1),
            "measures": asdict(examiner.measures) if examiner is not None and examiner.measures is not None else None,
            "warnings": list(self.warnings().values()),
            "probes": [question.told() for question in examiner.questions] if examiner is not None else [],
        }
