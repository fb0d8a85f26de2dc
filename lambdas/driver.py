"""The incident's hands: does what core.recovery.machine says next, until the incident ends or this call's time is up."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from core import names
from core.lifecycle import pool
from core.lifecycle.admission import former
from core.recovery import changes, steps
from core.recovery import machine as recovery
from core.recovery.changes import ME
from core.recovery.incident import Incident, noted
from core.recovery.snapshot import FreshLook, Front, View
from core.report.notices import notice
from core.watching.fleet import Watched
from core.watching.wakes import Wake
from lambdas import announcing, holding, isolation, rung_hands
from lambdas.adapters import clock, environment, groups, instances, log, queues, table, topic, world
from lambdas.adapters.clients import Lost, WorldFailed
from lambdas.adapters.patience import Patience
from lambdas.recording import Recorder

STEPS_MAX = 500  # a call of a minute takes some hundred; more would be a bug that spins
HAND_OVER_DELAY_S = 2
CLAIM_S = 20  # a call says so often, or earlier, that it is still at it; one that died holds its incident no longer
HOLDS_MAX = 5  # steps in one call to hold a group or let it go on: what Auto Scaling tells of itself may be behind what it was told
TELLING_S = 20  # how long its end is left to the call that wrote it; tick finds out within the minute when that one died
HAND_OVER_GRACE_S = 30  # how late our own message may come before anybody else takes the incident up


@dataclass
class Driver:
    """One call's work on one assembly. Several may run at once: the incident's revision lets one of them write."""

    watched: Watched
    wake: Wake
    context: Any
    fresh: dict[str, FreshLook] = field(default_factory=dict)
    front: Front | None = None
    said: str = ""
    holds: int = HOLDS_MAX
    watched_over: bool = False
    renewed: set[str] = field(default_factory=set)
    record: Recorder = field(init=False)

    def __post_init__(self) -> None:
        self.record = Recorder(self.me)

    @property
    def me(self) -> str:
        return str(self.context.aws_request_id)

    def drive(self) -> None:
        try:
            self._drive()
        finally:
            self.record.close()

    def _drive(self) -> None:
        patience = Patience(ME, self.context)
        for _ in range(STEPS_MAX):
            try:
                if not self._step():
                    return
            except Lost as error:
                log.say(ME, f"left to whoever wrote: {error}")
                return
            except WorldFailed as error:
                patience.trouble(error)
            else:
                patience.well()
        raise AssertionError(f"{STEPS_MAX} steps in one call")

    def _step(self) -> bool:
        """One look and one step; False when there is nothing left to do here. Raises Lost, WorldFailed (Unknown too), BadRecord."""
        view = world.observe(self.watched, fresh=self.fresh, front=self.front, for_recovery=True)
        if self.wake.announced and view.permit is not None and (self.wake.volume or view.permit.instance == self.wake.instance):
            view = replace(view, announced=self.wake.announced)
        if self._hold(view):
            return True
        self._renew_pool(view)
        incident = view.incident if view.incident is not None and (not view.incident.ended or view.incident.untold_end) else None
        if incident is not None and incident.driver not in ("", self.me, self.wake.driver) and incident.driven_until_ms > view.now_ms:
            log.say(ME, f"joined incident {incident.id}: another call is at it", woken_by=self.wake.who)
            if self.wake.watches == incident.driver:
                self._be_watched(incident.driver, incident.driven_until_ms - view.now_ms)
            return False
        decision = recovery.next_step(view, self.watched.policy, woken_by=self.wake.who)
        if isinstance(decision.step, steps.Leave) or (isinstance(decision.step, steps.KeepOne) and self.holds <= 0):
            log.say(ME, f"nothing to do: {decision.step.reason}", assembly=self.watched.name)
            return False
        if incident is not None and incident.driver != self.me:
            self._save(incident)  # claim it before doing anything in its name
        elif incident is not None and clock.left_s(self.context) <= 0:
            self._hand_over(incident)
            return False
        elif incident is not None and not incident.ended and self._until_ms() - incident.driven_until_ms > CLAIM_S * 500:
            self._save(incident)  # half of its claim is over
        else:
            self._perform(decision, view)
        return True

    def _hold(self, view: View) -> bool:
        """Auto Scaling, as operators and the last incident want it; where it cannot be held nothing waits for it, and tick comes again."""
        try:
            held = self.holds > 0 and holding.settle(self.watched, view, self.watched.policy)
        except WorldFailed as error:
            log.say(ME, f"Auto Scaling is left as it is: {error}", assembly=self.watched.name)
            self.holds = 0
            return False
        self.holds -= held
        return held

    def _renew_pool(self, view: View) -> None:
        """End what lies in the warm pool and is of a former version, once a call: its group prepares another one of the present version.

        By EC2, for Auto Scaling's own call "cannot be called on instances in a warm pool":
        https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html
        """
        for instance in pool.outdated(view):
            if instance not in self.renewed:
                self.renewed.add(instance)
                log.say(ME, f"{former(instance)}: {instances.terminate(instance, force=False)}", assembly=self.watched.name)

    # --- performing ---------------------------------------------------------------------------------

    def _perform(self, decision: steps.Decision, view: View) -> None:
        self.record.add(view, decision, self.watched.policy)
        match decision.step:
            case steps.Spend():
                self._spend(view)
            case steps.Wait() as step:
                self._wait(step.reason, step.again_s)
            case steps.TakeLook(instance):
                self.fresh[instance] = world.look_at(view, instance, environment.text(names.ENV_FUNCTION_PROBE))
            case steps.KeepOne(extra) as step:
                self.holds -= 1
                self._wait(f"{step.reason}: {groups.keep_one(view, extra)}", 1.0)
            case steps.PlaceFront(instance):
                self.front = world.place_front(self.watched, environment.text(names.ENV_FUNCTION_MOVE_FRONT))
                if self.front.held_by != instance:
                    self._wait(f"the front is on {self.front.held_by}, not on {instance} yet", 1.0)
            case step if isinstance(step, steps.Change):
                self._record(changes.apply(view, decision), view)
            case step:
                assert view.incident is not None, "these steps belong to an incident"
                self._act(step, view, view.incident)

    def _act(self, step: steps.Step, view: View, incident: Incident) -> None:
        match step:
            case steps.LaunchFirst():
                self._save(noted(incident, clock.now_ms(), ME, f"{step.reason}: {groups.launch_another(view)}"))
            case steps.KeepEvidence(instance):
                self._save(isolation.keep_evidence(view, incident, instance))
            case steps.Fence(instance, force):
                self._save(isolation.fence(view, incident, instance, force=force))
            case steps.Retire(instance):
                self._save(rung_hands.retire(incident, instance))
            case steps.CallSisters(assemblies):
                self._save(rung_hands.call_sisters(incident, assemblies))
            case steps.RebootDatabase(identifier):
                self._save(rung_hands.reboot_database(incident, identifier, step.reason))
            case steps.NudgeGroup(instance):
                said = groups.terminate(instance, of=view.wanted)
                self._save(noted(incident, clock.now_ms(), ME, f"told the group that {instance} is gone: {said}"))
                clock.sleep(1.0)
            case steps.Tell(what):
                self._tell(incident, what, step.reason)
            case _:
                raise AssertionError(f"no such step: {step!r}")

    def _record(self, incident: Incident, view: View) -> None:
        before = view.incident
        if before is not None and before.ended and before.id != incident.id:
            table.keep_incident(before)  # it is about to be written over; a call may have died before it kept it
        self._save(incident)
        log.say(ME, f"incident {incident.id} {incident.state.value}: {incident.notes[-1].what if incident.notes else ''}")
        if incident.ended or before is None or before.id != incident.id:
            announcing.announce(incident)

    def _spend(self, view: View) -> None:
        try:
            table.put_budget(changes.charged(view, self.watched.policy))
        except Lost as error:
            log.say(ME, f"reading the budget again: {error}")  # another assembly's incident took its share

    def _wait(self, reason: str, again_s: float) -> None:
        if reason != self.said:
            self.said = reason
            log.say(ME, reason)
        self.front = None
        self.record.write()  # while there is nothing else to do
        clock.sleep(min(again_s, max(0.0, clock.left_s(self.context))))

    def _tell(self, incident: Incident, what: str, reason: str) -> None:
        """A topic that fails must not hold a recovery up; but what a person must hear is said again until it is out.

        Told twice, should this call die in between, is better than never.
        """
        now_ms = clock.now_ms()
        try:
            topic.publish(*notice(incident, what, reason))
        except WorldFailed as error:
            log.say(ME, f"could not tell people ({what}): {error}")
            if incident.ended:
                raise  # tried again by Lambda, seen by the alarm on lost work, and woken for by tick
            if what != "open":
                self._wait(f"could not tell people ({what}) yet", 5.0)
                return
            self._save(changes.with_told(incident, what, f"could not tell people ({what}): {error}", now_ms=now_ms))
            return
        self._save(changes.with_told(incident, what, f"told people ({what}): {reason}", now_ms=now_ms))

    # --- writing ------------------------------------------------------------------------------------

    def _save(self, incident: Incident) -> None:
        """The next revision, with this call as its driver. Raises Lost, Unknown, WorldFailed."""
        driver, until_ms = self.me, self._until_ms()
        if incident.ended:  # who ended it tells people of it, and no other call, or they would hear it from each
            driver, until_ms = (self.me, clock.now_ms() + TELLING_S * 1000) if incident.untold_end else ("", 0)
        saved = replace(incident, revision=incident.revision + 1, driver=driver, driven_until_ms=until_ms)
        table.put_incident(saved)
        if saved.ended:
            table.keep_incident(saved)
        elif not self.watched_over:
            self.watched_over = True
            self._be_watched(self.me, CLAIM_S * 1000)

    def _until_ms(self) -> int:
        """When a claim made now is over: with this call at the latest."""
        return clock.now_ms() + int(min(CLAIM_S, max(0.0, clock.left_s(self.context)) + clock.RESERVE_S) * 1000)

    def _be_watched(self, driver: str, for_ms: int) -> None:
        """A message that comes when the driver's claim is over: it goes on if that one has died, and looks again while it lives."""
        named = {"deployable": self.watched.deployable, "assembly": self.watched.name, "watches": driver}
        try:
            queues.send(environment.text(names.ENV_RECOVER_QUEUE), {"incident": named}, delay_s=math.ceil(for_ms / 1000) + 1)
        except WorldFailed as error:
            log.say(ME, f"nobody but tick looks after {driver}: {error}")

    def _hand_over(self, incident: Incident) -> None:
        """Claimed for the message first: whoever brings its word back goes on; were it lost, tick does."""
        word = f"message of {self.me}"
        until_ms = clock.now_ms() + (HAND_OVER_DELAY_S + HAND_OVER_GRACE_S) * 1000
        table.put_incident(replace(incident, revision=incident.revision + 1, driver=word, driven_until_ms=until_ms))
        named = {"deployable": self.watched.deployable, "assembly": self.watched.name, "driver": word}
        queues.send(environment.text(names.ENV_RECOVER_QUEUE), {"incident": named}, delay_s=HAND_OVER_DELAY_S)
        log.say(ME, f"handed incident {incident.id} over to a message", state=incident.state.value)
