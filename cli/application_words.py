"""An application of a deployable file in sentences."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from core.application import Application, Probe, Run, RunKind, Tolerance
from core.bounds import OFF, CounterRule, Counters, Crossed, Threshold, ThresholdKind
from spec import duration_text, size_text

MEASURED = {
    ThresholdKind.MEMORY: "memory",
    ThresholdKind.MEMORY_PRESSURE: "time spent waiting for memory",
    ThresholdKind.CPU: "processor",
    ThresholdKind.OPEN_FILES: "open files",
    ThresholdKind.THREADS: "threads",
    ThresholdKind.DISK: "disk",
    ThresholdKind.INODES: "inodes",
}
OF = {
    ThresholdKind.MEMORY: " of its limit, else of the machine",
    ThresholdKind.MEMORY_PRESSURE: "",
    ThresholdKind.CPU: " of one core",
    ThresholdKind.OPEN_FILES: " of its limit",
}


def application_words(application: Application) -> Iterator[str]:
    """Lines without an indent; the first names it."""
    yield f"application {application.name}: {_run(application.run)}"
    yield from (f"  {line}" for line in _facts(application))


def _facts(application: Application) -> Iterator[str]:
    if application.install is not None:
        yield f"files: {application.install.source}, published with the template, laid out in {application.install.to}"
    if application.user is not None:
        yield f"runs as: {application.user}"
    if limits := list(_limits(application)):
        yield f"may have: {', '.join(limits)}"
    if application.output.file is not None:
        output = application.output
        yield f"output: {output.file}, a new file at {size_text(output.bytes_max)}, {output.kept} old ones kept"
    if application.after:
        yield f"starts after: {', '.join(application.after)}"
    if application.ha is not None:
        log = f", with a log in {application.ha.log_folder}" if application.ha.log_folder else ""
        yield f"answers on its own HA port: {application.ha.host} port {application.ha.port}{log}"
    yield from (f"asked: {_probe(probe)}" for probe in application.probes)
    if application.run.kind is not RunKind.EXEC:
        yield f"asked: its own monitor action every {duration_text(application.monitor_every_s)}; failing after 2 in a row"
    if not (application.probes or application.thresholds or application.counters) and application.run.kind is RunKind.EXEC:
        yield "asked: nothing; only its exit is noticed"
    yield from (f"limit: {_threshold(threshold)}" for threshold in application.thresholds)
    if application.counters is not None:
        yield from _counters(application.counters)
    yield f"busy: left alone for {duration_text(application.busy_budget_s)} on end, then that counts as a failure"
    if application.drain is not None:
        yield f"before it is stopped: {shlex.join(application.drain)}, for at most {duration_text(application.drain_timeout_s)}"
    yield f"failures: {tolerated(application.tolerance, 'restarted', 'the node asks to be replaced')}"


def _run(run: Run) -> str:
    if run.ocf is not None:
        level = f", checked at level {run.ocf.check_level}" if run.ocf.check_level else ""
        return f"resource agent ocf:{run.ocf.provider}:{run.ocf.type}{level}"
    if run.systemd is not None:
        return f"systemd unit {run.systemd}"
    return f"init script {run.lsb}" if run.lsb is not None else shlex.join(run.exec or ())


def _limits(application: Application) -> Iterator[str]:
    limits = application.limits
    if limits.open_files is not None:
        yield f"{limits.open_files} open files in a process"
    if limits.memory_bytes is not None:
        yield f"{size_text(limits.memory_bytes)} of memory"
    if limits.processes is not None:
        yield f"{limits.processes} processes and threads"


def _probe(probe: Probe) -> str:
    if probe.tcp is not None:
        what = f"tcp {probe.tcp}" + (f", which must say {probe.expect!r}" if probe.expect else "")
    elif probe.http is not None:
        what = probe.http + "".join(f", {wanted}" for wanted in _wanted(probe))
    elif probe.command is not None:
        busy = f", busy at exit {' or '.join(map(str, probe.busy_exits))}" if probe.busy_exits else ""
        what = f"command {shlex.join(probe.command)}{busy}"
    elif probe.file is not None and probe.file_age_s is not None:
        what = f"file {probe.file}, changed within {duration_text(probe.file_age_s)},"
    else:
        what = f"process {probe.process}, which must be there,"
    waiting = f"every {duration_text(probe.every_s)}, waiting {duration_text(probe.timeout_s)}"
    return f"{what} {waiting}; failing after {probe.fall} in a row"


def _wanted(probe: Probe) -> Iterator[str]:
    if probe.status:
        yield f"status {' or '.join(map(str, probe.status))}"
    if probe.body is not None:
        yield f"body with {probe.body!r}"
    if probe.header is not None:
        yield f"header {probe.header!r}"


def _threshold(threshold: Threshold) -> str:
    what = MEASURED[threshold.kind] + (f" of {threshold.path}" if threshold.path is not None else "")
    if threshold.percent is not None:
        level = f"{threshold.percent:g}%{OF.get(threshold.kind, '')}"
    else:
        assert threshold.amount is not None, "a threshold has one of them"
        level = size_text(threshold.amount) if threshold.kind is ThresholdKind.MEMORY else str(threshold.amount)
    then = "it is restarted" if threshold.then is Crossed.RESTART else "it is said, and nothing is done"
    return f"{what} at {level} for {duration_text(threshold.for_s)}: {then}"


def _counters(counters: Counters) -> Iterator[str]:
    yield f"counts: in each {duration_text(counters.interval_s)}, by {counters.file or 'what it sends to the agent'}"
    yield from (f"  {_rule(rule)}" for rule in counters.rules)


def _rule(rule: CounterRule) -> str:
    bounds = [f"at least {rule.at_least}"] if rule.at_least != OFF else []
    bounds += [f"at most {rule.at_most}"] if rule.at_most != OFF else []
    needs = f", once {rule.needs[0]} has reached {rule.needs[1]}" if rule.needs else ""
    return f"{rule.name}: {' and '.join(bounds) or 'any number'}{needs}, or it is failing"


def tolerated(tolerance: Tolerance, absorbed: str, beyond: str) -> str:
    if tolerance.failures is None:
        return f"always {absorbed}, never handed on"
    return f"{absorbed} {tolerance.failures} times in {duration_text(tolerance.window_s)}; at the next, {beyond}"
