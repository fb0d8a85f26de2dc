"""What only shows when several keys of one application are read together; on plain values, as spec.crosschecks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.application import RunKind
from core.settings import BadSettings
from spec.problems import Finding, KeyPath
from spec.properties import as_map, complaint

# What a service unit says for itself, and the user that an OCF or init script takes on by itself: here it would be
# read and never heeded.
SAID_ELSEWHERE = {
    RunKind.SYSTEMD: (("user", "directory", "environment", "limits", "output"), "the unit says that itself"),
    RunKind.OCF: (("user",), "resource agents choose the user themselves, most have a parameter for it"),
    RunKind.LSB: (("user",), "init scripts choose the user themselves"),
}
HA_FORMS = ("ha_port", "ha", "ha_properties")


def check_application(here: KeyPath, application: dict[str, Any]) -> Iterator[Finding]:
    yield from _heeded(here, application)
    yield from _one_ha(here, application)
    yield from _properties(here, application)


def _heeded(here: KeyPath, application: dict[str, Any]) -> Iterator[Finding]:
    """No key is read and then not heeded."""
    run = application.get("run")
    for kind, (keys, why) in SAID_ELSEWHERE.items():
        if isinstance(run, dict) and run.get(kind.value) is not None:
            for key in keys:
                if application.get(key) not in (None, {}):
                    yield (*here, key), application[key], f"means nothing with run: {kind.value}", f"leave it out: {why}"
    if application.get("drain_timeout") is not None and application.get("drain") is None:
        yield (
            (*here, "drain_timeout"),
            application["drain_timeout"],
            "has nothing to wait for",
            "add drain: [/path/to/program], or leave it out",
        )


def _one_ha(here: KeyPath, application: dict[str, Any]) -> Iterator[Finding]:
    given = [key for key in HA_FORMS if application.get(key) is not None]
    for key in given[1:]:
        yield (*here, key), None, f"says again what {given[0]} says", "keep one of them: each says where the HA port is"
    if application.get("ha_properties") is not None and application.get("counters") is not None:
        yield (*here, "counters"), None, "says again what ha_properties says", "keep one of them: each says what is counted"


def _properties(here: KeyPath, application: dict[str, Any]) -> Iterator[Finding]:
    value = application.get("ha_properties")
    found = complaint(value)
    if found is not None:
        key, why = found
        path = (*here, "ha_properties") if key is None else (*here, "ha_properties", key)
        yield path, None, f"is wrong: {why}", "write it as the product's own registry has it, or use ha and counters instead"


def ha_port_of(application: dict[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    """Where the plain values name its HA port, and the value."""
    yield ("ha_port",), application.get("ha_port")
    ha = application.get("ha")
    if isinstance(ha, dict):
        yield ("ha", "port"), ha.get("port")
    try:
        properties = as_map(application.get("ha_properties"))
    except BadSettings:
        return
    if isinstance(properties, dict) and str(properties.get("mz.ha.enabled", "")).strip().lower() == "true":
        port = str(properties.get("mz.ha.port", "")).strip()
        if port.isascii() and port.isdigit() and len(port) <= 5:
            path = ("ha_properties", "mz.ha.port") if isinstance(application["ha_properties"], dict) else ("ha_properties",)
            yield path, int(port)
