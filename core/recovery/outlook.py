"""What reports and looks together say of a node and of its assembly; silence is measured on the prober's own clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from core.model import Verdict
from core.node import ha_port
from core.policy import Policy
from core.records import GAP_MS, Look, Looks, Permit, Phase, Report, Request
from core.recovery.seen import FAILING, FAILS, IDLE, SERVES, SILENT, Inside
from core.recovery.snapshot import View

LOOKS_KEPT = 6  # a minute of sweeps; an item of less than 1 KB
LOOKS_APART_S = 5.0  # looks taken in quicker succession take one place, so that they do not push the sweeps out
LOOKS_LIVE_S = 3600
OK = "ok"
SAYS = "says "  # how a look words an answer that is not OK
UNSURE = f"{SAYS}FAILED {ha_port.UNKNOWN}"  # it starts, and its agent bounds that by start_timeout


def judge_look(ha: str, http: str) -> Verdict:
    """One look from outside. The two answers must agree, and the node must know; otherwise we could not tell."""
    if ha == OK and http == OK:
        return Verdict.HEALTHY
    if ha.startswith(UNSURE):
        return Verdict.UNKNOWN
    if ha != OK and http != OK:
        return Verdict.FAILING
    return Verdict.UNKNOWN


def answers(look: Look) -> bool:
    """Is there an agent behind the port: a stopped one completes handshakes but says nothing."""
    return look.ha == OK or look.ha.startswith(SAYS)


def with_look(before: Looks | None, look: Look, report: Report | None, *, of: tuple[str, str, str]) -> Looks:
    """The last looks with one more. of: deployable, assembly, instance.

    The report counts as moved when its boot or its number changed since this prober's last look:
    the node's own timestamp is never compared with our clock. After a gap in which nobody looked
    its silence is counted anew: while nobody listened nobody was silent.
    """
    if report is None:
        boot, seq, moved_ms = (before.report_boot, before.report_seq, before.report_moved_ms) if before else ("", 0, 0)
    elif before and (before.report_boot, before.report_seq) == (report.boot, report.seq) and not _after_a_gap(before, look):
        boot, seq, moved_ms = before.report_boot, before.report_seq, before.report_moved_ms
    else:
        boot, seq, moved_ms = report.boot, report.seq, look.at_ms
    return Looks(
        deployable=of[0],
        assembly=of[1],
        instance=of[2],
        looks=(*_earlier(before.looks if before else (), look), look)[-LOOKS_KEPT:],
        report_boot=boot,
        report_seq=seq,
        report_moved_ms=moved_ms,
        expires_at=look.at_ms // 1000 + LOOKS_LIVE_S,
    )


def _after_a_gap(before: Looks, look: Look) -> bool:
    return bool(before.looks) and look.at_ms - before.looks[-1].at_ms > GAP_MS


def _earlier(looks: tuple[Look, ...], new: Look) -> tuple[Look, ...]:
    """Without the last one, if that says the same and came soon after the one before it. What differs is never dropped."""
    if len(looks) < 2 or looks[-1].verdict is not new.verdict or looks[-2].verdict is not new.verdict:
        return looks
    return looks[:-1] if looks[-1].at_ms - looks[-2].at_ms < LOOKS_APART_S * 1000 else looks


def report_age_s(looks: Looks) -> float | None:
    """Seconds since the report last moved, as of the last look; None when it was never seen or never looked at."""
    return None if looks.silent_ms is None else max(0, looks.silent_ms) / 1000


def failing_for_s(looks: Looks) -> float | None:
    """How long the unbroken run of failing looks at the end spans; None when the last one is not failing."""
    return None if looks.failing_ms is None else looks.failing_ms / 1000


def inside(view: View, instance: str, policy: Policy) -> Inside:
    """The first signal."""
    seen = view.seen(instance)
    return SILENT if seen.silent_ms > policy.report_silent_ms else seen.says


def why(seen: Inside, view: View, instance: str) -> str:
    """The first signal in words, as the end of a sentence's first half."""
    if seen is SILENT:
        return f"its reports have been silent for {(view.looks[instance].silent_ms or 0) // 1000} s"
    if seen is IDLE:
        return f"it holds permit {view.permit.epoch if view.permit else 0} and runs nothing: it says that it waits for one"
    if seen is FAILS:
        return f"it reports failing ({_what_fails(view.reports[instance])})"
    return seen.words


def _what_fails(report: Report) -> str:
    return (
        "; ".join([f"{name}: {app.reason or app.verdict}" for name, app in report.applications if app.verdict is FAILING]) or report.phase
    )


def holder_of(reports: Iterable[Report]) -> Report | None:
    """The report to judge the assembly by: the highest epoch ever reported; None while no node held a permit."""
    held = [r for r in reports if r.epoch > 0]
    return max(held, key=lambda r: (r.epoch, r.seq), default=None)


def not_serving(permit: Permit | None, reports: Mapping[str, Report]) -> str | None:
    """Why no node of an assembly serves, by its own word; None when the holder of the permit does."""
    if permit is None:
        return "no node of it was let in yet"
    report = reports.get(permit.instance)
    if report is None:
        return f"{permit.instance} has not reported"
    if report.epoch == permit.epoch and report.phase is Phase.RUNNING and report.verdict in SERVES:
        return None
    return f"{permit.instance} is {report.phase.value} and {report.verdict.value} under epoch {report.epoch}"


def healthy_value(reports: Mapping[str, Report], looks: Mapping[str, Looks], policy: Policy) -> int | None:
    """The metric: 1 serving, 0 failing or silent, None when there is nothing to say (no data, which changes no alarm)."""
    report = holder_of(reports.values())
    if report is None:
        return None
    seen = looks.get(report.instance)
    age_s = report_age_s(seen) if seen else None
    if seen is None or age_s is None:
        return None
    look = seen.looks[-1].verdict
    if age_s > policy.report_silent_s or Verdict.FAILING in (report.verdict, look) or report.phase is Phase.RELEASED:
        return 0
    return 1 if report.verdict in SERVES and look in SERVES else None


Expiring = TypeVar("Expiring", Report, Request)


def without_expired(records: Mapping[str, Expiring], now_ms: int) -> dict[str, Expiring]:
    """DynamoDB may keep an expired item for days (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ttl-expired-items.html)."""
    return {i: r for i, r in records.items() if r.expires_at * 1000 > now_ms}
