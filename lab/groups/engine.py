"""The group controller: every 0.2 s it looks at EC2, asks decide.py what is due, and does it."""

from __future__ import annotations

import logging
import threading
import uuid
from dataclasses import replace
from typing import Any

from lab.groups import decide as d
from lab.groups import launching, warm, warm_hands
from lab.groups.activities import Activity, History, activity_event, cause_text, lifecycle_event
from lab.groups.ec2 import Ec2
from lab.groups.model import EC2, GROUP, POOL, Group, Member, Wait
from lab.world import World

TICK_S = 0.2
# "Amazon EC2 Auto Scaling waits a few minutes for AWS to fix the issue":
# https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html
IMPAIRED_PATIENCE_S = 300.0
log = logging.getLogger("lab.groups")


class Groups:
    """All groups. Every method that touches them holds `lock`; `wake` makes the next tick come at once."""

    def __init__(self, world: World, ec2: Ec2) -> None:
        self.world, self.ec2 = world, ec2
        self.lock = threading.RLock()
        self.wake = threading.Event()
        self.history = History()
        self.groups: dict[str, Group] = {}
        self._told: dict[str, str] = {}  # instance -> target lifecycle state its metadata service tells

    def run(self, stop: threading.Event) -> None:
        """Tick until told to stop."""
        while not stop.is_set():
            self.wake.wait(TICK_S)
            self.wake.clear()
            try:
                self.tick()
            except Exception:  # the outermost loop: a fault in one tick must not end all groups
                log.exception("the group controller's tick failed")

    def tick(self) -> None:
        """Look, decide and perform, once for every group."""
        clock = self.world.clock
        rules = d.Rules(clock.real(self.world.delays["group_detection"].seconds), clock.real(IMPAIRED_PATIENCE_S), clock.scale)
        with self.lock:
            for name in list(self.groups):
                group = self.groups[name] = self._observed(self.groups[name])
                for step in d.decide(group, now=clock.now(), rules=rules):
                    self._perform(name, step)
                if name in self.groups:
                    for pooled in warm.decide(self.groups[name], now=clock.now(), rules=rules):
                        self._perform(name, pooled)
                if name in self.groups:
                    self._tell_targets(self.groups[name])

    def put(self, group: Group) -> None:
        self.groups[group.name] = group

    def change(self, name: str, instance_id: str, **changes: Any) -> Member:
        """Replace fields of one member; gives it as it is now."""
        group = self.groups[name]
        changed = {member.instance_id: member for member in group.members}
        changed[instance_id] = replace(changed[instance_id], **changes)
        self.put(replace(group, members=tuple(changed.values())))
        return changed[instance_id]

    def retire(self, name: str, instance_id: str, text: str, *, replaced: bool, skip_hooks: bool = False) -> Activity:
        """Take an instance out of service: it begins to terminate, hooks first. text: AWS's words after "At <time> "."""
        now, group = self.world.clock.now(), self.groups[name]
        member = group.member(instance_id)
        assert member is not None
        if member.launching:
            self.close(name, member.activity, "Cancelled", "Instance is being terminated before it was in service")
        activity = self.history.add(
            Activity(
                name,
                group.arn,
                f"Terminating EC2 instance{' from warm pool' if member.in_pool else ''}: {instance_id}",
                cause_text(now, text),
                now,
                "Terminate",
                instance_id=instance_id,
                subnet=member.subnet_id,
                zone=member.zone,
                origin=POOL if member.in_pool else GROUP,
                destination=EC2,
            )
        )
        forced = group.deleting or (member.in_pool and group.pool is not None and group.pool.deleting)
        self.change(
            name,
            instance_id,
            state="Warmed:Terminating" if member.in_pool else "Terminating",
            waits=(),
            activity=activity.id,
            replaced=replaced,
            skip_hooks=skip_hooks or forced,
        )
        self.world.journal.say("group", f"retires {instance_id}: {text}", group=name, instance=instance_id)
        return activity

    def complete(self, name: str, instance_id: str, hook: str, result: str, why: str) -> None:
        """A lifecycle action ended with a result; why: AWS's words for it."""
        member = self.groups[name].member(instance_id)
        assert member is not None
        token = next((wait.token for wait in member.waits if wait.hook.name == hook), "")
        left, abandoned = d.after_result(member, hook, result)
        self.world.journal.say("group", f"hook {hook} of {instance_id}: {result} ({why})", group=name, instance=instance_id)
        if abandoned:
            text = f"Instance failed to complete user's Lifecycle Action: Lifecycle Action with token {token} was abandoned: {why}"
            self.close(name, member.activity, "Cancelled", text)
            self.change(name, instance_id, activity="")
            self.retire(name, instance_id, d.ABANDONED, replaced=True)
        else:
            self.change(name, instance_id, waits=tuple(wait for wait in member.waits if wait.hook.name in left))
        self.wake.set()

    def _observed(self, group: Group) -> Group:
        """The group with what EC2 says now of its members."""
        members = []
        for member in group.members:
            seen = self.ec2.look(member.instance_id)
            if member.state == "InService" and member.ec2_state == "running" != seen.state and not group.is_suspended("HealthCheck"):
                delay = self.world.delays["group_detection"]
                end = seen.since + self.world.clock.real(delay.seconds)
                self.world.journal.delay("group_detection", member.instance_id, start=seen.since, end=end, source=delay.source)
            since = member.impaired_since
            since = (since if since is not None else self.world.clock.now()) if seen.impaired else None
            members.append(replace(member, ec2_state=seen.state, ec2_since=seen.since, impaired_since=since))
        return replace(group, members=tuple(members))

    def _perform(self, name: str, step: warm.Step) -> None:
        match step:
            case d.Begin():
                launching.begin(self, name, step)
            case d.Run(activity):
                launching.launch(self, name, activity)
            case d.Hold(instance_id, transition):
                self._hold(name, instance_id, transition)
            case d.Expire(instance_id, hook, result):
                if (member := self.groups[name].member(instance_id)) and any(wait.hook.name == hook for wait in member.waits):
                    self.complete(name, instance_id, hook, result, "Lifecycle Action Timed Out")
            case d.Proceed(instance_id):
                member = self.groups[name].member(instance_id)
                assert member is not None
                self.change(name, instance_id, state=member.state.replace(":Wait", ":Proceed"))
                self.wake.set()
            case d.Serve(instance_id):
                self._serve(name, instance_id)
            case d.LaunchFailed(instance_id):
                self._ended_early(name, instance_id)
            case d.MarkUnhealthy(instance_id, cause):
                self.change(name, instance_id, healthy=False, unhealthy_cause=cause)
            case d.Retire(instance_id, cause, replaced):
                self.retire(name, instance_id, cause, replaced=replaced)
            case d.End(instance_id):
                self.change(name, instance_id, ending=True)
                self.ec2.end(instance_id)
            case d.Forget(instance_id):
                self._forget(name, instance_id)
            case warm.Park() | warm.Rest() | warm.Drop():
                warm_hands.perform(self, name, step)
            case d.Vanish():
                del self.groups[name]
                self.world.journal.say("group", f"{name} is deleted", group=name)

    def _ended_early(self, name: str, instance_id: str) -> None:
        """It ended before it ran: the launch failed, no hook saw it, another one is tried."""
        group, member = self.groups[name], self.groups[name].member(instance_id)
        assert member is not None
        activity = self.history.find(name, member.activity)
        if activity is not None:
            launching.failed(self, group, activity, "Instance became unhealthy while waiting for instance to be in InService state.")
        self.change(name, instance_id, activity="", healthy=False)
        self.retire(name, instance_id, d.GONE, replaced=True, skip_hooks=True)

    def _hold(self, name: str, instance_id: str, transition: str) -> None:
        """Start the transition's lifecycle actions, all at once, and tell the world of each."""
        group, now, real = self.groups[name], self.world.clock.now(), self.world.clock.real
        waits = tuple(
            Wait(hook=hook, token=str(uuid.uuid4()), deadline=now + real(hook.heartbeat_s), last_deadline=now + real(hook.global_timeout_s))
            for hook in group.hooks_for(transition)
        )
        held = group.member(instance_id)
        assert held is not None
        member = self.change(name, instance_id, state=f"{held.state}:Wait", waits=waits)
        activity = self.history.find(name, member.activity)
        if activity is not None:
            activity.status, activity.progress = "MidLifecycleAction", 60
        for wait in waits:
            self.world.journal.say("group", f"hook {wait.hook.name} holds {instance_id}", group=name, instance=instance_id)
            self._emit(*lifecycle_event(group, member, wait))

    def _serve(self, name: str, instance_id: str) -> None:
        member = self.change(name, instance_id, state="InService", in_service_at=self.world.clock.now(), waits=())
        self.close(name, member.activity, "Successful")
        self.change(name, instance_id, activity="")
        self.world.journal.say("group", f"{instance_id} is in service", group=name, instance=instance_id)

    def _forget(self, name: str, instance_id: str) -> None:
        group = self.groups[name]
        member = group.member(instance_id)
        assert member is not None
        self.close(name, member.activity, "Successful")
        self.put(replace(group, members=tuple(other for other in group.members if other.instance_id != instance_id)))
        self._told.pop(instance_id, None)
        self.world.journal.say("group", f"{instance_id} has left", group=name, instance=instance_id)

    def close(self, name: str, activity_id: str, status: str, message: str = "") -> None:
        """End an activity once and send its event."""
        activity = self.history.find(name, activity_id) if activity_id else None
        if activity is None or activity.end is not None:
            return
        activity.finish(self.world.clock.now(), status, message)
        if message:
            self.world.journal.say("group", f"{activity.description}: {status}: {message}", group=name)
        self._emit(*activity_event(activity))

    def _emit(self, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
        if self.world.events is not None:
            self.world.events.emit("aws.autoscaling", detail_type, detail, resources)

    def _tell_targets(self, group: Group) -> None:
        """A machine that is off is told again when it is on: its metadata service is another one then."""
        machines = self.world.machines
        if machines is None:
            return
        for member in group.members:
            if not machines.is_on(member.instance_id):
                self._told.pop(member.instance_id, None)
                continue
            target = warm_hands.target_of(group, member)
            if self._told.get(member.instance_id) != target:
                machines.set_target_lifecycle_state(member.instance_id, target)
                self._told[member.instance_id] = target

    def booted(self, instance_id: str) -> None:
        """Tell a machine that was just switched on what it is to become, before its first program asks."""
        with self.lock:
            for group in self.groups.values():
                if group.member(instance_id) is not None:
                    self._told.pop(instance_id, None)
                    self._tell_targets(group)
