"""Lets a new node in: once it answers and its predecessor is gone it is permitted, and once it serves its hook is completed.

A deploy that waits for the node hears how it came out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core import names
from core.items import BadRecord, looks_item, report_item
from core.lifecycle import admission, pool
from core.lifecycle.rollout import word_for
from core.model import BALANCERS, FrontKind
from core.recovery.snapshot import FreshLook, View
from core.watching.wakes import HookWake
from lambdas.adapters import clock, deploys, environment, evidence, functions, groups, log, table, world
from lambdas.adapters.clients import Lost, Unknown, WorldFailed
from lambdas.adapters.patience import Patience
from lambdas.hook_call import handled

POLL_S = 0.7
ME = "admit_node"


def handler(event: Mapping[str, Any], context: Any) -> dict[str, str]:
    """EventBridge: EC2 Instance-launch Lifecycle Action; or tick. Gives what came of it, for the log.

    Raises WorldFailed or BadRecord when the world cannot be read: Lambda tries again, then tick does.
    """
    return handled(ME, event, context, _drive)


def _drive(wake: HookWake, context: Any) -> str:
    """Work until the hook is answered or this call's time is up; tick wakes the next one."""
    watched = world.watched(wake.deployable, wake.assembly)
    fresh: dict[str, FreshLook] = {}
    said, placed = "", not watched.has_volume
    patience = Patience(ME, context)
    while True:
        try:
            view = world.observe(watched, also=[wake.instance], fresh=fresh)
            step = _next(view, wake.instance)
            match step:
                case pool.Prepared(reason):
                    return f"{reason}; {groups.complete_hook(wake.group, names.LAUNCH_HOOK, wake.instance, let_in=True)}"
                case admission.TakeLook(instance):
                    fresh[instance] = world.look_at(view, instance, environment.text(names.ENV_FUNCTION_PROBE))
                case admission.WritePermit():
                    _permit(step)
                    _announce(view)
                case admission.Wait() if not placed and view.permit is not None and view.permit.instance == wake.instance:
                    # It starts nothing before its state is there.
                    placed = world.place_state(watched, environment.text(names.ENV_FUNCTION_MOVE_FRONT)) == wake.instance
                    log.say(ME, f"its volume is {'attached to' if placed else 'not yet at'} {wake.instance}")
                    if not placed:
                        if clock.left_s(context) <= POLL_S:
                            groups.keep_alive(wake.group, names.LAUNCH_HOOK, wake.instance)
                            return "left for tick to go on: its volume is not there yet"
                        clock.sleep(POLL_S)
                case admission.Complete(reason):
                    return _complete(wake, view, reason) + _tell_deploy(wake, view, step)
                case admission.Abandon(reason, keep_evidence):
                    return _abandon(wake, view, step, reason, keep_evidence)
                case admission.Done(reason):
                    return reason + _tell_deploy(wake, view, step)
                case admission.Wait(reason, heartbeat):
                    if reason.split(",")[0] != said:
                        said = reason.split(",")[0]
                        log.say(ME, reason)
                    if clock.left_s(context) <= POLL_S:
                        if heartbeat:
                            groups.keep_alive(wake.group, names.LAUNCH_HOOK, wake.instance)
                        return f"left for tick to go on: {reason}"
                    fresh.clear()
                    clock.sleep(POLL_S)
        except WorldFailed as error:
            patience.trouble(error)
        else:
            patience.well()


def _next(view: View, instance: str) -> admission.Step | pool.Prepared:
    """What an instance in the warm pool waits for is to be stopped there, and never leave to run."""
    return pool.entering(view, instance) if pool.is_in(view, instance) else admission.next_step(view, instance)


def _permit(step: admission.WritePermit) -> None:
    """Lost or unknown: the world is read again, and says who holds it now."""
    try:
        table.put_permit(step.permit, step.over)
    except (Lost, Unknown) as error:
        log.say(ME, f"permit not written for sure: {error}")
        return
    log.say(ME, f"permitted {step.permit.instance}: {step.reason}", epoch=step.permit.epoch)


def _announce(view: View) -> None:
    """A balancer takes its time with a new target, an NLB minutes: it begins while the applications start, and asks when they are up.

    So does EC2 with an interface. Its last holder is gone, so that nobody loses by it.
    """
    if view.watched.front.kind in BALANCERS or view.watched.front.kind is FrontKind.NETWORK_INTERFACE:
        named = {"deployable": view.watched.deployable, "assembly": view.watched.name}
        functions.wake(environment.text(names.ENV_FUNCTION_MOVE_FRONT), {"assembly": named})


def _complete(wake: HookWake, view: View, reason: str) -> str:
    result = groups.complete_hook(wake.group, names.LAUNCH_HOOK, wake.instance, let_in=True)
    log.say(ME, f"let {wake.instance} in: {reason}", hook=result)
    if view.watched.front.kind is FrontKind.NONE:
        return f"{reason}; {result}"
    front = world.place_front(view.watched, environment.text(names.ENV_FUNCTION_MOVE_FRONT))
    return f"{reason}; {result}; the front is on {front.held_by}, tried: {front.tried}"


def _tell_deploy(wake: HookWake, view: View, step: admission.Step) -> str:
    """Said again as long as it could not be said: a good version that stays unheard is rolled back. Raises WorldFailed.

    Asked again right before: an update that began meanwhile, while the front was placed, waits for a node of its own version.
    """
    word = word_for(view, wake.instance, step)
    if word is None:
        return ""
    group = groups.find(wake.deployable, wake.assembly)
    if group is None or group.stack is None or word != word_for(replace(view, members=group.members), wake.instance, step):
        return ""
    return f"; {deploys.signal(group.stack, wake.instance, word)}"


def _abandon(wake: HookWake, view: View, step: admission.Step, reason: str, keep_evidence: bool) -> str:
    if keep_evidence:
        report, looks = view.reports.get(wake.instance), view.looks.get(wake.instance)
        seen = {"reason": reason, "report": report and report_item(report), "looks": looks and looks_item(looks)}
        try:
            evidence.keep(wake.deployable, wake.assembly, wake.instance, "abandoned.json", seen)
        except (WorldFailed, BadRecord) as error:
            log.say(ME, f"evidence not kept: {error}")  # better a node let go than one more minute of waiting
    try:
        told = _tell_deploy(wake, view, step)  # first: the group launches the same version again the moment the hook is answered
    except WorldFailed as error:
        told = f"; the deploy was not told ({error})"  # its own time limit ends it
    result = groups.complete_hook(wake.group, names.LAUNCH_HOOK, wake.instance, let_in=False)
    return f"{reason}; {result}{told}"
