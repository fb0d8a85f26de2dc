"""A deploy that waits for a node: what CloudFormation is told of it, and how long it is to wait."""

from __future__ import annotations

import math
from enum import StrEnum

from core.lifecycle.admission import BOOT_S, Abandon, Complete, Done, Step
from core.model import Assembly, Deployable
from core.recovery.snapshot import View

# An old node's time to go before a new one may be permitted: its terminate hook, and EC2's own shutdown, of which AWS says "a few minutes"
# (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/how-ec2-instance-termination-works.html).
LEAVE_S = 180.0 + 240.0
# One more boot, for a machine that AWS loses on the way, and one of tick's minutes. A version that is no good is told of at once, so that
# patience costs nothing; and a short pause can make the way back fail (UpdatePolicy's page, PauseTime).
MARGIN_S = BOOT_S + 60.0
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html: PauseTime is one hour at most
PAUSE_MAX_S = 3600.0
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-creationpolicy.html: Timeout is 12 hours at most
CREATE_MAX_S = 12 * 3600.0


class Word(StrEnum):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_SignalResource.html: Status."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"


def word_for(view: View, instance: str, step: Step) -> Word | None:
    """What a deploy is to hear of the node whose hook comes to this end; None where the node says nothing about it.

    Only a node of the version that the group launches now counts: while an update is rolled back, one of the bad version that is
    still about must not fail the way back. A machine that AWS lost tells nothing of the version; the group launches another, and the
    deploy's own time limit goes on. Whoever was taken away while it waited to be let in was not good enough.
    """
    member = view.members.get(instance)
    if view.stack is None or member is None or not member.current:
        return None
    match step:
        case Complete():
            return Word.SUCCESS
        case Abandon(keep_evidence=True):
            return Word.FAILURE
        case Done() if member.lifecycle == "InService" and _holds(view, instance):
            return Word.SUCCESS  # an earlier call let it in, and may have failed to say so
        case Done() if member.lifecycle.startswith("Terminating") and _holds(view, instance) and not view.is_gone(instance):
            return Word.FAILURE
    return None


def _holds(view: View, instance: str) -> bool:
    return view.permit is not None and view.permit.instance == instance


def create_timeout_s(deployable: Deployable, assembly: Assembly) -> float:
    """How long a first deployment waits for the assembly's node to be let in, those that it starts after included."""
    return min(_start_s(deployable, assembly) + MARGIN_S, CREATE_MAX_S)


def update_pause_s(deployable: Deployable, assembly: Assembly) -> float:
    """How long an update waits for the new node once the old one is told to go; the way back waits as long again."""
    former_s = BOOT_S if assembly.capacity.warm_pool else 0.0  # one of the former version comes out of the pool first, and is refused
    return min(LEAVE_S + former_s + _start_s(deployable, assembly) + MARGIN_S, PAUSE_MAX_S)


def _start_s(deployable: Deployable, assembly: Assembly) -> float:
    """Boot and start grace, after the slowest of those that must serve first; `after` has no circles (spec.ordering)."""
    known: dict[str, float] = {}

    def of(one: Assembly) -> float:
        if one.name not in known:
            before = max((of(deployable.assembly(name)) for name in one.after), default=0.0)
            known[one.name] = BOOT_S + one.start_grace_s + before
        return known[one.name]

    return of(assembly)


def iso_duration(seconds: float) -> str:
    """ISO 8601 as CloudFormation wants it (PT#H#M#S), in whole minutes rounded up."""
    return f"PT{math.ceil(seconds / 60)}M"
