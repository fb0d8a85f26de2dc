"""CloudFormation: a deploy that waits for a node hears of it."""

from __future__ import annotations

from core.lifecycle.rollout import Word
from core.recovery.snapshot import StackPlace
from lambdas.adapters.clients import WorldFailed, calling, client

# "Stack ... is in CREATE_COMPLETE state and cannot be signaled": no deploy waits; a signal that is there already is refused alike
# (github.com/aws-cloudformation/aws-cloudformation-templates/issues/34), and so is a call that is wrong: AWS's words are handed on.
_NOBODY_WAITS = "ValidationError"


def signal(place: StackPlace, instance: str, word: Word) -> str:
    """Tell the stack how the node came out, by its instance id. Gives what came of it in a few words; that nobody waits is no error.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_SignalResource.html
    """
    try:
        with calling(f"signal {word.value} of {instance}"):
            client("cloudformation").signal_resource(
                StackName=place.stack, LogicalResourceId=place.logical_id, UniqueId=instance, Status=word.value
            )
    except WorldFailed as error:
        if error.code != _NOBODY_WAITS:
            raise
        return f"no deploy heard {word.value}: {error}"
    return f"a deploy was told {word.value}"
