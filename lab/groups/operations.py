"""What Auto Scaling's calls do to a group, in AWS's rules and error texts."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError

from lab.groups import settings
from lab.groups.activities import Activity, cause_text
from lab.groups.decide import CUSTOM
from lab.groups.engine import Groups
from lab.groups.model import ABANDON, CONTINUE, PROCESSES, Group, Member, Wait
from lab.world import ACCOUNT, REGION


def refuse(text: str) -> AutoscalingClientError:
    return AutoscalingClientError("ValidationError", text)


def refuse_pooled(member: Member) -> None:
    """API_TerminateInstanceInAutoScalingGroup.html, API_SetInstanceProtection.html: not for those in a warm pool."""
    if member.in_pool:
        raise refuse(f"The instance {member.instance_id} is {member.state}. This operation cannot be called on instances in a warm pool.")


class Operations:
    """Each method is one call; each holds the engine's lock."""

    def __init__(self, engine: Groups) -> None:
        self._engine = engine

    def group(self, name: str) -> Group:
        """Raises ValidationError when there is none."""
        if name not in self._engine.groups:
            raise refuse(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
        return self._engine.groups[name]

    def owner(self, instance_id: str) -> tuple[Group, Member]:
        """The group an instance is in. Raises ValidationError when it is in none."""
        for group in self._engine.groups.values():
            if (member := group.member(instance_id)) is not None:
                return group, member
        raise refuse(f"Instance Id not found - No managed instance found for instance ID: {instance_id}")

    def create(self, given: Mapping[str, Any]) -> None:
        engine, name = self._engine, given["AutoScalingGroupName"]
        with engine.lock:
            if name in engine.groups:
                text = f"AutoScalingGroup by this name already exists - A group with the name {name} already exists"
                raise AutoscalingClientError("AlreadyExists", text)
            now = engine.world.clock.now()
            arn = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:{uuid.uuid4()}:autoScalingGroupName/{name}"
            blank = Group(name=name, arn=arn, created_at=now, min_size=0, max_size=0, desired=0)
            try:
                group = settings.applied(blank, given, engine.ec2)
                hooks = tuple(settings.hook_from(hook) for hook in given.get("LifecycleHookSpecificationList") or ())
            except settings.Invalid as error:
                raise refuse(str(error)) from error
            text = f"a user request created an AutoScalingGroup changing the desired capacity from 0 to {group.desired}"
            tags = tuple(_tag(tag) for tag in given.get("Tags") or ())
            engine.put(replace(group, hooks=hooks, tags=tags, cause=cause_text(now, text)))
            engine.world.journal.say("group", f"{name} is created, desired capacity {group.desired}", group=name)
        engine.wake.set()

    def update(self, given: Mapping[str, Any]) -> None:
        engine = self._engine
        with engine.lock:
            old = self.group(given["AutoScalingGroupName"])
            try:
                group = settings.applied(old, given, engine.ec2)
            except settings.Invalid as error:
                raise refuse(str(error)) from error
            engine.put(
                self._with_cause(old, group, "update of AutoScalingGroup constraints to min: {0.min_size}, max: {0.max_size}, desired")
            )
        engine.wake.set()

    def set_desired(self, name: str, desired: int) -> None:
        with self._engine.lock:
            old = self.group(name)
            try:
                settings.check_sizes(old.min_size, desired, old.max_size)
            except settings.Invalid as error:
                raise refuse(str(error)) from error
            self._engine.put(self._with_cause(old, replace(old, desired=desired), "explicitly set group desired capacity"))
        self._engine.wake.set()

    def delete(self, name: str, *, force: bool) -> None:
        """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DeleteAutoScalingGroup.html: force runs no hooks."""
        with self._engine.lock:
            group = self.group(name)
            if not force and (group.members or group.launches):
                text = "You cannot delete an AutoScalingGroup while there are instances still in the group."
                raise AutoscalingClientError("ResourceInUse", text)
            members = tuple(replace(member, skip_hooks=True, waits=()) for member in group.members)
            self._engine.put(replace(group, deleting=True, members=members, launches=()))
        self._engine.wake.set()

    def put_hook(self, given: Mapping[str, Any]) -> None:
        with self._engine.lock:
            group = self.group(given["AutoScalingGroupName"])
            old = next((hook for hook in group.hooks if hook.name == given["LifecycleHookName"]), None)
            try:
                hook = settings.hook_from(given, old)
            except settings.Invalid as error:
                raise refuse(str(error)) from error
            self._engine.put(replace(group, hooks=(*(other for other in group.hooks if other.name != hook.name), hook)))

    def delete_hook(self, name: str, hook: str) -> None:
        """Its outstanding actions are completed first: ABANDON for launching, CONTINUE for terminating instances.

        https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DeleteLifecycleHook.html
        """
        with self._engine.lock:
            group = self.group(name)
            if all(other.name != hook for other in group.hooks):
                raise refuse(f"Lifecycle Hook with name {hook} doesn't exist")
            self._engine.put(replace(group, hooks=tuple(other for other in group.hooks if other.name != hook)))
            for member in group.members:
                if any(wait.hook.name == hook for wait in member.waits):
                    result = ABANDON if member.launching else CONTINUE
                    self._engine.complete(name, member.instance_id, hook, result, "Lifecycle Hook deleted")

    def complete(self, given: Mapping[str, Any]) -> None:
        """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CompleteLifecycleAction.html."""
        result = given["LifecycleActionResult"]
        if result not in (CONTINUE, ABANDON):
            raise refuse(f"Lifecycle action result {result!r} is not valid: use {CONTINUE} or {ABANDON}")
        with self._engine.lock:
            member, wait = self._action(given)
            why = f"Lifecycle Action Completed with {result} Result"
            self._engine.complete(given["AutoScalingGroupName"], member.instance_id, wait.hook.name, result, why)

    def heartbeat(self, given: Mapping[str, Any]) -> None:
        """Restart the heartbeat timeout; the global limit stays."""
        engine = self._engine
        with engine.lock:
            member, wait = self._action(given)
            later = replace(wait, deadline=engine.world.clock.now() + engine.world.clock.real(wait.hook.heartbeat_s))
            waits = tuple(later if other is wait else other for other in member.waits)
            engine.change(given["AutoScalingGroupName"], member.instance_id, waits=waits)

    def set_health(self, instance_id: str, status: str, *, respect_grace: bool) -> None:
        """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SetInstanceHealth.html.

        The grace period counts from InService, so an instance that is not yet there is still within it; in a warm pool there is none
        (warm-pools-health-checks-monitor-view-status.html).
        """
        engine = self._engine
        if status not in ("Healthy", "Unhealthy"):
            raise refuse("Valid instance health states are: [Healthy, Unhealthy]")
        with engine.lock:
            group, member = self.owner(instance_id)
            if member.leaving:
                raise refuse(f"Instance {instance_id} is not in correct state - it is {member.state}")
            clock = engine.world.clock
            age_s = (clock.now() - member.in_service_at) * clock.scale if member.in_service_at is not None else 0.0
            if status == "Unhealthy" and respect_grace and age_s < group.grace_s and not member.in_pool:
                return
            engine.change(group.name, instance_id, healthy=status == "Healthy", unhealthy_cause=CUSTOM if status == "Unhealthy" else "")
            engine.world.journal.say("group", f"{instance_id} is set {status}", group=group.name, instance=instance_id)
        engine.wake.set()

    def terminate_instance(self, instance_id: str, *, decrement: bool) -> Activity:
        """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html.

        Without decrement a replacement is launched while this one terminates.
        """
        engine = self._engine
        with engine.lock:
            group, member = self.owner(instance_id)
            refuse_pooled(member)
            if member.leaving:
                activity = engine.history.find(group.name, member.activity)
                assert activity is not None
                return activity
            text = f"instance {instance_id} was taken out of service in response to a user request"
            if decrement:
                if group.desired - 1 < group.min_size:
                    raise refuse(
                        f"Currently, desiredSize equals minSize ({group.min_size}). Terminating instance without replacement will violate "
                        "group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size."
                    )
                engine.put(replace(group, desired=group.desired - 1))
                text += f", shrinking the capacity from {group.desired} to {group.desired - 1}"
            activity = engine.retire(group.name, instance_id, text, replaced=not decrement)
        engine.wake.set()
        return activity

    def suspend(self, name: str, processes: Sequence[str]) -> None:
        with self._engine.lock:
            group, now = self.group(name), self._engine.world.clock.now()
            fresh = [process for process in _known(processes) if not group.is_suspended(process)]
            reason = cause_text(now, "User suspended").removesuffix(".")
            self._engine.put(replace(group, suspended=(*group.suspended, *((process, reason) for process in fresh))))
            self._engine.world.journal.say("group", f"suspends {', '.join(_known(processes))}", group=name)

    def resume(self, name: str, processes: Sequence[str]) -> None:
        with self._engine.lock:
            group, wanted = self.group(name), _known(processes)
            self._engine.put(replace(group, suspended=tuple(pair for pair in group.suspended if pair[0] not in wanted)))
            self._engine.world.journal.say("group", f"resumes {', '.join(wanted)}", group=name)
        self._engine.wake.set()

    def protect(self, name: str, instance_ids: Sequence[str], *, protected: bool) -> None:
        with self._engine.lock:
            group = self.group(name)
            for instance_id in instance_ids:
                if (member := group.member(instance_id)) is None:
                    raise refuse(f"The instance {instance_id} is not part of Auto Scaling group {name}.")
                refuse_pooled(member)
            for instance_id in instance_ids:
                self._engine.change(name, instance_id, protected=protected)

    def tag(self, tags: Sequence[Mapping[str, Any]], *, add: bool) -> None:
        """CreateOrUpdateTags and DeleteTags: each tag names its group."""
        with self._engine.lock:
            for tag in tags:
                group = self.group(tag["ResourceId"])
                kept = tuple(other for other in group.tags if other["Key"] != tag["Key"])
                self._engine.put(replace(group, tags=(*kept, _tag(tag)) if add else kept))

    def _action(self, given: Mapping[str, Any]) -> tuple[Member, Wait]:
        """The outstanding action a call means, by token or by instance. Raises ValidationError."""
        group, token, instance_id = self.group(given["AutoScalingGroupName"]), given.get("LifecycleActionToken"), given.get("InstanceId")
        for member in group.members:
            for wait in member.waits:
                if wait.hook.name == given["LifecycleHookName"] and (wait.token == token if token else member.instance_id == instance_id):
                    return member, wait
        raise refuse(f"No active Lifecycle Action found with {f'token {token}' if token else f'instance ID {instance_id}'}")

    def _with_cause(self, old: Group, new: Group, what: str) -> Group:
        if new.desired == old.desired:
            return new
        text = f"a user request {what.format(new)} changing the desired capacity from {old.desired} to {new.desired}"
        return replace(new, cause=cause_text(self._engine.world.clock.now(), text))


def _known(processes: Sequence[str]) -> tuple[str, ...]:
    """The processes a call means; none given means all. Raises ValidationError naming an unknown one."""
    for process in processes:
        if process not in PROCESSES:
            raise refuse(f"Process type '{process}' is not valid: use {', '.join(PROCESSES)}")
    return tuple(processes) or PROCESSES


def _tag(tag: Mapping[str, Any]) -> dict[str, Any]:
    return {"Key": str(tag["Key"]), "Value": str(tag.get("Value", "")), "PropagateAtLaunch": bool(tag.get("PropagateAtLaunch", False))}
