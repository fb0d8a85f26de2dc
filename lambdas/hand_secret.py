"""Reads the database's managed secret and hands it to make_user, which has no way to it; CloudFormation asks at deploy, and is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import names
from core.database import BadSecret, parse_secret
from core.database_user import BadOrder, order_to_event, parse_order
from lambdas.adapters import clock, custom_resource, environment, functions, log, secret
from lambdas.adapters.clients import WorldFailed

ME = "hand_secret"
# RDS may change the password between the look at it and its use; and the role's policy was made a moment ago, which IAM may not have told
# all of AWS yet: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
TRIES = 4
PAUSE_S = 5.0


def handler(event: Mapping[str, Any], _context: Any) -> dict[str, Any]:
    """The event is a request of CloudFormation's for a custom resource; done again it changes nothing. Raises WorldFailed.

    Of a user that is to go nothing is undone: the database outlives the stack, and what the user owns would stop it.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requesttypes.html
    """
    wanted = event["ResourceProperties"]
    id_ = f"{wanted.get('user')}@{wanted.get('host')}"
    if event["RequestType"] == "Delete":
        custom_resource.answer(event, id_=str(event.get("PhysicalResourceId", id_)))
        return {"left": id_}
    try:
        _make(wanted)
    except (BadSecret, BadOrder, WorldFailed) as error:
        log.say(ME, f"not made: {error}", user=wanted.get("user"))
        custom_resource.answer(event, id_=str(event.get("PhysicalResourceId", id_)), failed=str(error))
        return {"failed": id_}
    custom_resource.answer(event, id_=id_)
    return {"made": id_}


def _make(wanted: Mapping[str, Any]) -> None:
    """Raises BadSecret, BadOrder, WorldFailed."""
    function = environment.text(names.ENV_FUNCTION_MAKE_USER)
    for attempt in range(1, TRIES + 1):
        try:
            found = parse_secret(secret.read(str(wanted.get("secret"))))
            order = parse_order({**wanted, "master": found.user, "password": found.password})
            functions.ask(function, order_to_event(order))
        except WorldFailed as error:
            if attempt == TRIES:
                raise
            log.say(ME, f"trying again: {error}")
            clock.sleep(PAUSE_S)
        else:
            log.say(ME, f"made {order!r}")
            return
