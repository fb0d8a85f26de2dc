"""Evidence first, then the fence: what recover_assembly does to a node that must go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.items import looks_item, report_item, request_item
from core.model import BALANCERS
from core.recovery.changes import with_evidence, with_fence
from core.recovery.incident import Incident
from core.recovery.snapshot import View
from lambdas.adapters import clock, evidence, fronts, groups, instances
from lambdas.adapters.balancers import BalancerFront
from lambdas.adapters.clients import WorldFailed

EVIDENCE_S = 8.0  # clients are waiting: what cannot be kept in this time is left


def keep_evidence(view: View, incident: Incident, instance: str) -> Incident:
    """Last report, looks and request, what EC2 and the group said, and the console. Best effort, and said so."""
    until_ms = clock.now_ms() + int(EVIDENCE_S * 1000)
    name = (incident.deployable, incident.assembly, instance)
    kept: list[str] = []
    failed: list[str] = []
    sources: tuple[tuple[str, Callable[[], str | dict[str, Any]]], ...] = (
        (f"{incident.id}.json", lambda: _seen(view, incident, instance)),
        (f"{incident.id}-console.txt", lambda: instances.console(instance)),
    )
    for file, content in sources:
        if clock.now_ms() > until_ms:
            failed.append(f"{file}: no time left")
            continue
        try:
            kept.append(evidence.keep(*name, file, content()))
        except WorldFailed as error:
            failed.append(f"{file}: {error.code}")
    return with_evidence(incident, kept, failed, now_ms=clock.now_ms())


def _seen(view: View, incident: Incident, instance: str) -> dict[str, Any]:
    report, looks, request = view.reports.get(instance), view.looks.get(instance), view.requests.get(instance)
    return {
        "incident": incident.id,
        "reason": incident.reason,
        "at_ms": view.now_ms,
        "ec2": view.state_of(instance),
        "group": view.lifecycle_of(instance) or "not in the group",
        "permit_epoch": incident.epoch,
        "report": report and report_item(report),
        "looks": looks and looks_item(looks),
        "request": request and request_item(request),
    }


def fence(view: View, incident: Incident, instance: str, *, force: bool) -> Incident:
    """The group first, so that it launches the replacement meanwhile; then the machine, without asking its OS."""
    began_ms = clock.now_ms()
    said = []
    lifecycle = view.lifecycle_of(instance)
    if not force and lifecycle and not lifecycle.startswith("Terminat"):
        try:
            said.append(groups.terminate(instance, of=view.wanted))
        except WorldFailed as error:
            said.append(f"the group could not be told: {error}")  # the machine must go all the same; the group notices by itself
    if not view.is_dead(instance):
        said.append(instances.terminate(instance, force=force))
    if not force and view.watched.front.kind in BALANCERS:
        said.append(_cut_off(incident, instance))
    return with_fence(incident, instance, said, force=force, began_ms=began_ms)


def _cut_off(incident: Incident, instance: str) -> str:
    """A balancer whose every target is unhealthy sends to all of them: a node that goes on though it must not gets no more clients."""
    front = fronts.front_of(incident.deployable, incident.assembly)
    assert isinstance(front, BalancerFront), "the kind said so"
    try:
        return front.drop(instance)
    except WorldFailed as error:
        return f"its balancer could not be told: {error}"  # it is being terminated all the same
