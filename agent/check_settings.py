"""Settings read and judged without running anything: a node's own, and a properties file of MediationZone's monitor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agent.probes import check_probe
from core.application import HaPort
from core.bounds import OFF, CounterRule, Counters
from core.node.ha_properties import PREFIX, ha_from_properties, parse_properties
from core.settings import BadSettings, NodeSettings, parse_node_settings

PROPERTIES = ".properties"


def read_settings(path: str) -> NodeSettings:
    """Raises BadSettings naming the file."""
    try:
        settings = parse_node_settings(Path(path).read_text())
        for application in settings.assembly.applications:
            for probe in application.probes:
                check_probe(probe)
        return settings
    except OSError as error:
        raise BadSettings(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, BadSettings) as error:
        raise BadSettings(f"{path}: {error}") from error


def check_settings(path: str) -> Iterator[str]:
    """What to say of a file that can be used; the last line begins with OK. Raises BadSettings naming the file.

    A name that ends in .properties is read as the mz.ha.* properties of one application.
    """
    if path.endswith(PROPERTIES):
        yield from _check_properties(path)
        return
    read_settings(path)
    yield "OK"


def _check_properties(path: str) -> Iterator[str]:
    try:
        properties = parse_properties(Path(path).read_text(encoding="latin-1"))  # as java.util.Properties.load(InputStream) does
        ha, counters, warnings = ha_from_properties(properties)
    except OSError as error:
        raise BadSettings(f"{path}: cannot be read: {error.strerror}") from error
    except BadSettings as error:
        raise BadSettings(f"{path}: {error}") from error
    yield from (f"warning: {warning}" for warning in warnings)
    if not any(key.startswith(PREFIX) for key in properties):
        yield f"warning: none of its {len(properties)} properties begins with {PREFIX}"
    yield f"OK: {_meaning(ha, counters)}"


def _meaning(ha: HaPort | None, counters: Counters | None) -> str:
    if ha is None:
        return "the monitor is off"
    rules = "; ".join(map(_rule, counters.rules)) if counters is not None else ""
    judged = f"; failing unless, in {counters.interval_s:g} s, {rules}" if counters is not None else ""
    return f"HA port {ha.port} on {ha.host}, {f'log in {ha.log_folder}' if ha.log_folder else 'no log'}{judged}"


def _rule(rule: CounterRule) -> str:
    bounds = [f"at least {rule.at_least}"] if rule.at_least != OFF else []
    bounds += [f"at most {rule.at_most}"] if rule.at_most != OFF else []
    once = f" once there are {rule.needs[1]} {rule.needs[0]}" if rule.needs is not None else ""
    return f"{' and '.join(bounds)} {rule.name}{once}"
