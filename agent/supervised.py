"""One application as the agent holds it: its current run, its probes, and what they show together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping

from agent.probes import ask
from agent.processes import ProcessTree
from core.health import ProbeHealth, after_result, worst
from core.model import Application, Probe, Verdict
from core.node import Seen

# While a run has not been seen healthy its probes ask so often, so that readiness is noticed at once.
STARTING_EVERY_S = 0.05
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Supervised:
    """Starts and stops one application and asks its probes; decides nothing. `changed` is called on every change."""

    def __init__(self, application: Application, *, environment: Mapping[str, str], mark: str, changed: Callable[[], None]) -> None:
        """environment: what every application is told; mark: prefix of the runs' marks, ending in `/`."""
        self.application = application
        self._environment, self._mark, self._changed = environment, mark, changed
        self._clock = asyncio.get_running_loop().time
        self._tree: ProcessTree | None = None
        self._run = self._epoch = 0
        self._started_at_s = 0.0
        self._cannot_start: str | None = None
        self._healths: list[ProbeHealth] = []
        self._ready = False
        self._healthy_since_s: float | None = None
        self._probing: list[asyncio.Task[None]] = []

    @property
    def pid(self) -> int | None:
        return self._tree.pid if self._tree is not None and self._tree.alive else None

    def start(self, epoch: int) -> None:
        """Begin a new run. That it cannot start is a run that ended at once."""
        assert self._tree is None or not self._tree.alive, f"{self.application.name} runs already"
        self._end_probing()
        self._run, self._epoch, self._started_at_s = self._run + 1, epoch, self._clock()
        self._cannot_start, self._ready, self._healthy_since_s = None, False, None
        self._healths = [ProbeHealth() for _ in self.application.probes]
        environment = {
            "PATH": os.environ.get("PATH", DEFAULT_PATH),
            "LANG": "C.UTF-8",
            **self._environment,
            **dict(self.application.environment),
            "UNDERSTUDY_APPLICATION": self.application.name,
            "UNDERSTUDY_EPOCH": str(epoch),
        }
        try:
            self._tree = ProcessTree(
                self.application.run.exec or (),
                environment=environment,
                directory=self.application.directory or "/",
                mark=f"{self._mark}{self.application.name}/{self._run}",
                changed=self._on_tree,
            )
        except (OSError, ValueError) as error:
            self._tree, self._cannot_start = None, f"cannot start: {error}"
        else:
            self._probing = [
                asyncio.create_task(self._ask(index, probe), name=f"probe {index} of {self.application.name}")
                for index, probe in enumerate(self.application.probes)
            ]
            self._note_verdict()
        self._changed()

    def stop(self, grace_s: float) -> None:
        """Returns at once. Only the first call of a run counts as a change: asking again harder must not wake the asker."""
        if self._tree is not None and self._tree.alive:
            first = not self._tree.stopping
            self._tree.stop(grace_s)
            if first:
                self._changed()

    def seen(self) -> Seen:
        if self._tree is None:
            return Seen(run=self._run, epoch=self._epoch, ended=self._cannot_start)
        verdict, reason = self._verdict()
        return Seen(
            run=self._run,
            epoch=self._epoch,
            alive=self._tree.alive,
            stopping=self._tree.stopping,
            started_at_s=self._started_at_s,
            ended=self._tree.ended,
            ready=self._ready,
            verdict=verdict,
            reason=reason,
            healthy_since_s=self._healthy_since_s,
        )

    def _verdict(self) -> tuple[Verdict, str]:
        return worst((health.verdict, health.reason) for health in self._healths)

    def _on_tree(self) -> None:
        self._end_probing()
        self._changed()

    def _end_probing(self) -> None:
        for task in self._probing:
            task.cancel()
        self._probing = []

    def _note_verdict(self) -> None:
        healthy = self._verdict()[0] is Verdict.HEALTHY
        self._ready = self._ready or healthy
        if not healthy:
            self._healthy_since_s = None
        elif self._healthy_since_s is None:
            self._healthy_since_s = self._clock()

    async def _ask(self, index: int, probe: Probe) -> None:
        """Ask one probe for as long as this run lasts."""
        while True:
            asked_at_s = self._clock()
            result = await ask(probe)
            before = self._healths[index]
            self._healths[index] = after_result(before, result, probe)
            if self._healths[index].verdict is not before.verdict:
                self._note_verdict()
                self._changed()
            starting = self._healths[index].verdict is Verdict.UNKNOWN
            await asyncio.sleep(max(0.0, asked_at_s + (STARTING_EVERY_S if starting else probe.every_s) - self._clock()))
