"""From an application's checked section to core's model."""

from __future__ import annotations

from collections.abc import Iterator

from core.application import MONITOR_EVERY_S, Application, Artifact, HaPort, Limits, OcfAgent, Output, Probe, Run, Tolerance
from core.bounds import COUNTER_INTERVAL_S_MIN, CounterRule, Counters, Crossed, Threshold, ThresholdKind
from spec.application import ApplicationSection
from spec.limits import CountersSection, CpuLevel, FilesLevel, MemoryLevel, PressureLevel, SpaceLevel, ThreadsLevel, ThresholdsSection
from spec.probes import ProbeSection
from spec.properties import FromProperties, read_properties
from spec.running import RunSection
from spec.section import ToleranceSection

AnyLevel = MemoryLevel | PressureLevel | CpuLevel | FilesLevel | ThreadsLevel | SpaceLevel


def to_application(section: ApplicationSection) -> Application:
    ha, counters = _ha(section)
    output = section.output
    return Application(
        name=section.name,
        run=_run(section.run),
        install=Artifact(source=section.install.artifact, to=section.install.to) if section.install else None,
        user=section.user,
        directory=section.directory,
        environment=tuple(sorted(section.environment.items())),
        limits=Limits(open_files=section.limits.open_files, memory_bytes=section.limits.memory, processes=section.limits.processes),
        output=Output(file=output.file, bytes_max=output.size, kept=output.keep) if output else Output(),
        ha=ha,
        probes=tuple(_probe(probe) for probe in section.probes),
        thresholds=tuple(_thresholds(section.thresholds)),
        counters=counters,
        monitor_every_s=section.monitor_every if section.monitor_every is not None else MONITOR_EVERY_S,
        tolerance=to_tolerance(section.tolerance),
        busy_budget_s=section.busy_budget,
        start_timeout_s=section.start_timeout,
        drain=tuple(section.drain) if section.drain is not None else None,
        drain_timeout_s=section.drain_timeout,
        stop_timeout_s=section.stop_timeout,
        after=tuple(section.after),
    )


def warnings_of(section: ApplicationSection) -> Iterator[tuple[str, str]]:
    """What was changed in reading it, each with the key it stands at."""
    properties = _properties(section)
    if properties is not None:
        yield from (("ha_properties", warning) for warning in properties.warnings)
    if section.counters is not None and section.counters.interval < COUNTER_INTERVAL_S_MIN:
        told = f"counters.interval is {section.counters.interval:g} s: raised to {COUNTER_INTERVAL_S_MIN:g} s, the least there is"
        yield "counters", told


def to_tolerance(section: ToleranceSection) -> Tolerance:
    return Tolerance(section.failures, section.window)


def _run(section: RunSection) -> Run:
    ocf = section.ocf
    return Run(
        exec=tuple(section.exec) if section.exec is not None else None,
        systemd=section.systemd,
        ocf=OcfAgent(
            provider=ocf.provider,
            type=ocf.type,
            parameters=tuple(sorted(ocf.parameters.items())),
            check_level=ocf.check_level,
            root=ocf.root,
        )
        if ocf is not None
        else None,
        lsb=section.lsb,
    )


def _properties(section: ApplicationSection) -> FromProperties | None:
    return read_properties(section.ha_properties) if section.ha_properties is not None else None


def _ha(section: ApplicationSection) -> tuple[HaPort | None, Counters | None]:
    """One of the three forms, or none."""
    properties = _properties(section)
    if properties is not None:
        return properties.ha, properties.counters
    counters = _counters(section.counters) if section.counters is not None else None
    if section.ha is not None:
        return HaPort(port=section.ha.port, host=section.ha.host, log_folder=section.ha.log), counters
    return (HaPort(port=section.ha_port) if section.ha_port is not None else None), counters


def _counters(section: CountersSection) -> Counters:
    rules = tuple(
        CounterRule(name=rule.name, at_least=rule.at_least, at_most=rule.at_most, needs=next(iter(rule.needs.items()), None))
        for rule in section.rules
    )
    return Counters(rules=rules, interval_s=max(section.interval, COUNTER_INTERVAL_S_MIN), file=section.file)


def _probe(section: ProbeSection) -> Probe:
    return Probe(
        tcp=section.tcp,
        http=section.http,
        command=tuple(section.command) if section.command is not None else None,
        file=section.file,
        process=section.process,
        send=section.send,
        expect=section.expect,
        status=tuple(section.status),
        body=section.body,
        header=section.header,
        busy_exits=tuple(section.busy_exit),
        file_age_s=section.age,
        every_s=section.every,
        timeout_s=section.timeout,
        jitter_s=section.jitter,
        rise=section.rise,
        fall=section.fall,
    )


def _thresholds(section: ThresholdsSection) -> Iterator[Threshold]:
    for kind in ThresholdKind:
        found: AnyLevel | dict[str, SpaceLevel] | None = getattr(section, kind.value)
        if isinstance(found, dict):
            yield from (_threshold(kind, level, path) for path, level in found.items())
        elif found is not None:
            yield _threshold(kind, found)


def _threshold(kind: ThresholdKind, level: AnyLevel, path: str | None = None) -> Threshold:
    return Threshold(
        kind=kind, percent=level.above.percent, amount=level.above.amount, path=path, for_s=level.lasting, then=Crossed(level.then)
    )
