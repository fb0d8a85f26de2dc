"""Records (core.records) as items of the state table, with their version, and back.

An item is plain: str, int, bool, None, list, dict; no floats. Readers ignore fields that they do not know and refuse items
whose `version` is newer than they are, so that two versions of this file can talk during a roll-out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import names
from core.model import Verdict
from core.records import ApplicationReport, Look, Looks, Permit, Phase, Report, Request

VERSION = 1
Item = dict[str, Any]


class BadRecord(ValueError):
    """A stored item that cannot be read: names the key of the item, the field and its value."""


# --- to items ---------------------------------------------------------------------------------------


def report_item(report: Report) -> Item:
    return {
        names.PK: names.node_pk(report.deployable, report.assembly),
        names.SK: names.report_sk(report.instance),
        "version": VERSION,
        "instance": report.instance,
        "boot": report.boot,
        "seq": report.seq,
        "epoch": report.epoch,
        "at_ms": report.at_ms,
        "phase": report.phase.value,
        "verdict": report.verdict.value,
        "applications": {
            name: {"verdict": app.verdict.value, "restarts": app.restarts, "reason": app.reason[:120]} for name, app in report.applications
        },
        "address": report.address,
        "ha_port": report.ha_port,
        "http_port": report.http_port,
        "agent": report.agent,
        names.TTL: report.expires_at,
    }


def request_item(request: Request) -> Item:
    return {
        names.PK: names.node_pk(request.deployable, request.assembly),
        names.SK: names.request_sk(request.instance),
        "version": VERSION,
        "instance": request.instance,
        "epoch": request.epoch,
        "at_ms": request.at_ms,
        "application": request.application,
        "reason": request.reason[:240],
        names.TTL: request.expires_at,
    }


def looks_item(looks: Looks) -> Item:
    return {
        names.PK: names.look_pk(looks.deployable, looks.assembly),
        names.SK: looks.instance,
        "version": VERSION,
        "looks": [
            {"at_ms": look.at_ms, "verdict": look.verdict.value, "ha": look.ha[:120], "http": look.http[:120]} for look in looks.looks
        ],
        "report_boot": looks.report_boot,
        "report_seq": looks.report_seq,
        "report_moved_ms": looks.report_moved_ms,
        names.TTL: looks.expires_at,
    }


def permit_item(permit: Permit) -> Item:
    return {
        names.PK: names.permit_pk(permit.deployable, permit.assembly),
        names.SK: names.CURRENT,
        "version": VERSION,
        "instance": permit.instance,
        "epoch": permit.epoch,
        "at_ms": permit.at_ms,
        "predecessor": permit.predecessor,
    }


# --- from items -------------------------------------------------------------------------------------


def _key(item: Mapping[str, Any]) -> str:
    return f"{item.get(names.PK)}/{item.get(names.SK)}"


def _get(item: Mapping[str, Any], field: str, kind: type, part: Mapping[str, Any] | None = None) -> Any:
    """A field of the item, or of a part of it; its type is checked."""
    value = (item if part is None else part).get(field)
    if kind is int and isinstance(value, bool):
        raise BadRecord(f"{_key(item)}: {field} is {value!r}, expected int")
    if not isinstance(value, kind):
        raise BadRecord(f"{_key(item)}: {field} is {value!r}, expected {kind.__name__}")
    return value


def _map(item: Mapping[str, Any], value: Any, field: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadRecord(f"{_key(item)}: {field} is {value!r}, expected a map")
    return value


def _verdict(item: Mapping[str, Any], value: Any) -> Verdict:
    try:
        return Verdict(value)
    except ValueError as error:
        raise BadRecord(f"{_key(item)}: verdict is {value!r}, expected one of {[v.value for v in Verdict]}") from error


def _open(item: Mapping[str, Any], kind: str) -> tuple[str, str]:
    """Check the version and the key; give (deployable, assembly)."""
    if _get(item, "version", int) > VERSION:
        raise BadRecord(f"{_key(item)}: version is {item['version']}, this reader knows up to {VERSION}")
    parts = str(item.get(names.PK)).split("#")
    if len(parts) != 3 or parts[0] != kind:
        raise BadRecord(f"{_key(item)}: pk is not {kind}#DEPLOYABLE#ASSEMBLY")
    return parts[1], parts[2]


def parse_report(item: Mapping[str, Any]) -> Report:
    """Raises BadRecord."""
    deployable, assembly = _open(item, "NODE")
    try:
        phase = Phase(_get(item, "phase", str))
    except ValueError as error:
        raise BadRecord(f"{_key(item)}: phase is {item.get('phase')!r}") from error
    applications = []
    for name, app in _get(item, "applications", dict).items():
        told = {"restarts": 0, "reason": "", **_map(item, app, f"applications.{name}")}
        applications.append(
            (
                name,
                ApplicationReport(
                    verdict=_verdict(item, told.get("verdict")),
                    restarts=_get(item, "restarts", int, told),
                    reason=_get(item, "reason", str, told),
                ),
            )
        )
    return Report(
        deployable=deployable,
        assembly=assembly,
        instance=_get(item, "instance", str),
        boot=_get(item, "boot", str),
        seq=_get(item, "seq", int),
        epoch=_get(item, "epoch", int),
        at_ms=_get(item, "at_ms", int),
        phase=phase,
        verdict=_verdict(item, item.get("verdict")),
        applications=tuple(applications),
        address=_get(item, "address", str),
        ha_port=_get(item, "ha_port", int),
        http_port=_get(item, "http_port", int),
        agent=_get(item, "agent", str),
        expires_at=_get(item, names.TTL, int),
    )


def parse_request(item: Mapping[str, Any]) -> Request:
    """Raises BadRecord."""
    deployable, assembly = _open(item, "NODE")
    return Request(
        deployable=deployable,
        assembly=assembly,
        instance=_get(item, "instance", str),
        epoch=_get(item, "epoch", int),
        at_ms=_get(item, "at_ms", int),
        application=_get(item, "application", str),
        reason=_get(item, "reason", str),
        expires_at=_get(item, names.TTL, int),
    )


def parse_looks(item: Mapping[str, Any]) -> Looks:
    """Raises BadRecord."""
    deployable, assembly = _open(item, "LOOK")
    return Looks(
        deployable=deployable,
        assembly=assembly,
        instance=_get(item, names.SK, str),
        looks=tuple(
            Look(
                at_ms=_get(item, "at_ms", int, look),
                verdict=_verdict(item, look.get("verdict")),
                ha=_get(item, "ha", str, look),
                http=_get(item, "http", str, look),
            )
            for look in (_map(item, look, "looks") for look in _get(item, "looks", list))
        ),
        report_boot=_get(item, "report_boot", str),
        report_seq=_get(item, "report_seq", int),
        report_moved_ms=_get(item, "report_moved_ms", int),
        expires_at=_get(item, names.TTL, int),
    )


def parse_permit(item: Mapping[str, Any]) -> Permit:
    """Raises BadRecord."""
    deployable, assembly = _open(item, "PERMIT")
    predecessor = item.get("predecessor")
    if predecessor is not None and not isinstance(predecessor, str):
        raise BadRecord(f"{_key(item)}: predecessor is {predecessor!r}, expected a string or nothing")
    return Permit(
        deployable=deployable,
        assembly=assembly,
        instance=_get(item, "instance", str),
        epoch=_get(item, "epoch", int),
        at_ms=_get(item, "at_ms", int),
        predecessor=predecessor,
    )
