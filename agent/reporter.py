"""Tells the table what the cycle concluded: a numbered report, requests to be replaced, and evidence in the bucket."""

from __future__ import annotations

import asyncio
import json
import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace

from agent.beat import AFTER_LOOP_S, set_within, until_beat_s
from agent.cycle import Cycle
from agent.log import Log, Once
from agent.ports import Bucket, Identity, Refused, Table, Unreachable
from core import names
from core.items import report_item
from core.model import Verdict
from core.records import ApplicationReport, Phase, Report, Request

EVERY_S = 5.0  # silence of three times that is what probe_nodes calls silent
RETRY_S = 1.0  # after a failed write
REPORT_BYTES_MAX = 1000  # a write unit is 1 KB; the rest is for the names of the keys' types
REPORT_KEPT_S = 600  # the report's expiry: a node silent for so long is told of by EC2, if at all
REQUEST_KEPT_S = 3600
_WORST_FIRST = (Verdict.FAILING, Verdict.UNKNOWN, Verdict.BUSY, Verdict.HEALTHY)
EVIDENCE_S_MAX = 5.0
FAILING_EVERY_S = 30.0  # who finds it failing may end the machine within that: what the agent saw last is in the bucket by then


class Reporter:
    """One writer, so that reports arrive in their order."""

    def __init__(
        self, cycle: Cycle, identity: Identity, *, table: Table, bucket: Bucket, log: Log, boot: str, agent: str, wall: Callable[[], float]
    ) -> None:
        self._cycle, self._identity, self._table, self._bucket, self._log = cycle, identity, table, bucket, log
        self._boot, self._agent, self._wall = boot, agent, wall
        self._seq = 0
        self._trouble = Once(log, "report")
        self._evidence_for: set[str] = set()  # reasons for which the journal was kept already
        self._kept_s = -math.inf  # when that was done last, on the cycle's clock

    async def run(self) -> None:
        while True:
            self._cycle.told.clear()
            stored = await self.report() and await self._requests()
            await self._evidence_when_leaving()
            if stored:
                await self._evidence_when_failing()
            wait_s = until_beat_s(EVERY_S, asyncio.get_running_loop().time(), after_s=AFTER_LOOP_S) if stored else RETRY_S
            await set_within(self._cycle.told, wait_s)

    async def report(self) -> bool:
        """Write one report; True once it is stored. Applications do not care either way."""
        self._seq += 1
        return await self._write(self._table.write_report, self._compose())

    async def last_words(self) -> None:
        """The final report, when the agent leaves, and its journal when the applications were stopped with it; bounded."""
        if not await self.report():
            await self.report()
        if self._cycle.concluded.phase in (Phase.STOPPING, Phase.RELEASED):
            await self.keep_journal()

    async def _requests(self) -> bool:
        for name, reason in list(self._cycle.wanted_requests.items()):
            if name not in self._evidence_for:
                self._evidence_for.add(name)
                await self.keep_journal()
            request = Request(
                deployable=self._cycle.settings.deployable,
                assembly=self._cycle.settings.assembly.name,
                instance=self._identity.instance,
                epoch=self._cycle.concluded.epoch,
                at_ms=int(self._wall() * 1000),
                application=name,
                reason=reason,
                expires_at=int(self._wall()) + REQUEST_KEPT_S,
            )
            if not await self._write(self._table.write_request, request):
                return False
            if self._cycle.wanted_requests.get(name) == reason:
                del self._cycle.wanted_requests[name]
        return True

    async def _write(self, write: Callable[[Report], None] | Callable[[Request], None], record: Report | Request) -> bool:
        try:
            await asyncio.to_thread(write, record)  # type: ignore[arg-type]  # each with its own kind
        except (Unreachable, Refused) as error:
            self._cycle.tally.table_errors += 1
            self._trouble.trouble(error)
            return False
        self._cycle.tally.reports += 1
        self._cycle.tally.table_answered_at_s = self._cycle.clock()
        self._trouble.well()
        return True

    async def _evidence_when_leaving(self) -> None:
        phase = self._cycle.concluded.phase
        if phase is Phase.RELEASED and "released" not in self._evidence_for:
            self._evidence_for.add("released")
            await self.keep_journal()

    async def _evidence_when_failing(self) -> None:
        """At once, and now and then while it lasts: the machine may be ended by others, who cannot ask it for its journal."""
        if self._cycle.concluded.verdict is Verdict.FAILING and self._cycle.clock() - self._kept_s >= FAILING_EVERY_S:
            await self.keep_journal()

    async def keep_journal(self) -> None:
        """Put the last lines of the log into the bucket; best effort, within EVIDENCE_S_MAX."""
        self._kept_s = self._cycle.clock()
        settings = self._cycle.settings
        key = names.evidence_key(settings.deployable, settings.assembly.name, self._identity.instance, "journal.jsonl")
        try:
            async with asyncio.timeout(EVIDENCE_S_MAX):
                await asyncio.to_thread(self._bucket.put, key, self._log.tail())
        except (Unreachable, Refused, TimeoutError) as error:
            self._log.say("evidence-trouble", key=key, reason=str(error) or f"no answer in {EVIDENCE_S_MAX:g} s")

    def _compose(self) -> Report:
        concluded, settings = self._cycle.concluded, self._cycle.settings
        report = Report(
            deployable=settings.deployable,
            assembly=settings.assembly.name,
            instance=self._identity.instance,
            boot=self._boot,
            seq=self._seq,
            epoch=concluded.epoch,
            at_ms=int(self._wall() * 1000),
            phase=concluded.phase,
            verdict=concluded.verdict,
            applications=tuple(
                (name, ApplicationReport(verdict=verdict, restarts=self._cycle.restarts(name), reason=reason))
                for name, (verdict, reason) in concluded.applications.items()
            ),
            address=self._identity.address,
            ha_port=settings.assembly.ha_port,
            http_port=settings.assembly.http_port,
            agent=self._agent,
            expires_at=int(self._wall()) + REPORT_KEPT_S,
        )
        return fit(report)


def fit(report: Report) -> Report:
    """Shorten the reasons until the item fits one write unit, then leave applications out, those that are well first.

    The node's own verdict is the worst of all of them, so it speaks for those that are left out.
    """
    for chars in (120, 40, 0):
        shorter = tuple((name, replace(told, reason=told.reason[:chars])) for name, told in report.applications)
        report = replace(report, applications=shorter)
        if _fits(report):
            return report
    # Looked for by halves: to try each number of them would keep the loop busy for 10 ms with a hundred applications.
    most = bisect_left(range(1, len(report.applications)), True, key=lambda count: not _fits(_worst(report, count)))
    return _worst(report, most)


def _worst(report: Report, count: int) -> Report:
    """Only so many of its applications, those that are worst off, in their order."""
    told = report.applications
    kept = sorted(sorted(range(len(told)), key=lambda n: (_WORST_FIRST.index(told[n][1].verdict), n))[:count])
    return replace(report, applications=tuple(told[n] for n in kept))


def _fits(report: Report) -> bool:
    return len(json.dumps(report_item(report)).encode()) <= REPORT_BYTES_MAX
