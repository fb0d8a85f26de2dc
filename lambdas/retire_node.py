"""Lets a node go: when it has gone offline cleanly, or is dead or being fenced anyway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import names
from core.items import looks_item, report_item
from core.lifecycle import pool, retirement
from core.recovery.snapshot import View
from core.watching.wakes import HookWake
from lambdas.adapters import clock, evidence, groups, log, world
from lambdas.adapters.clients import WorldFailed
from lambdas.adapters.patience import Patience
from lambdas.hook_call import handled

POLL_S = 1.0
ME = "retire_node"


def handler(event: Mapping[str, Any], context: Any) -> dict[str, str]:
    """EventBridge: EC2 Instance-terminate Lifecycle Action; or tick. Raises WorldFailed, BadRecord."""
    return handled(ME, event, context, _drive)


def _drive(wake: HookWake, context: Any) -> str:
    watched = world.watched(wake.deployable, wake.assembly)
    patience = Patience(ME, context)
    while True:
        try:
            view = world.observe(watched, also=[wake.instance])
            match pool.leaving(view, wake.instance) if pool.is_in(view, wake.instance) else retirement.next_step(view, wake.instance):
                case retirement.Complete(reason, keep_evidence):
                    if keep_evidence:
                        _keep(wake, view, reason)
                    result = groups.complete_hook(wake.group, names.TERMINATE_HOOK, wake.instance, let_in=True)
                    return f"{reason}; {result}"
                case retirement.Done(reason):
                    return reason
                case retirement.Wait(reason, heartbeat):
                    if clock.left_s(context) <= POLL_S:
                        if heartbeat:
                            groups.keep_alive(wake.group, names.TERMINATE_HOOK, wake.instance)
                        return f"left for tick to go on: {reason}"
                    clock.sleep(POLL_S)
        except WorldFailed as error:
            patience.trouble(error)
        else:
            patience.well()


def _keep(wake: HookWake, view: View, reason: str) -> None:
    report, looks = view.reports.get(wake.instance), view.looks.get(wake.instance)
    seen = {"reason": reason, "report": report and report_item(report), "looks": looks and looks_item(looks)}
    try:
        evidence.keep(wake.deployable, wake.assembly, wake.instance, "retired.json", seen)
    except WorldFailed as error:
        log.say(ME, f"evidence not kept: {error}")  # a node that has gone offline is not kept waiting for it
