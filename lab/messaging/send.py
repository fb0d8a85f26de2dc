"""Sending to a queue, a topic or a function on behalf of an AWS service, with the permission that needs."""

from __future__ import annotations

import json
from typing import Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.backends import get_backend
from moto.core.exceptions import ServiceException

from lab.functions.engine import Denied, FunctionEngine
from lab.functions.permissions import permits
from lab.policy import allowed
from lab.policy.keys import service_may_publish
from lab.world import ACCOUNT, REGION, World

ALARMS = "cloudwatch.amazonaws.com"
_ACTIONS = {"sqs": "sqs:SendMessage", "sns": "sns:Publish", "lambda": "lambda:InvokeFunction"}


class Undeliverable(Exception):
    """code: as AWS puts it into a dead letter's ERROR_CODE."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def send(
    world: World,
    target: str,
    body: str,
    *,
    attributes: dict[str, str] | None = None,
    role_arn: str | None = None,
    service: str | None = None,
    source_arn: str = "",
    origin: str = "",
) -> None:
    """Deliver `body`. role_arn: whose policies must allow it; else service and source_arn: whom the target must let in.

    Raises Undeliverable with the reason.
    """
    kind = target.split(":")[2] if target.count(":") >= 5 else ""
    if kind not in _ACTIONS:
        raise Undeliverable("UNSUPPORTED_TARGET", f"the lab delivers to queues, topics and functions, not to {target}")
    if role_arn is not None:
        _check_role(world, role_arn, _ACTIONS[kind], target)
    try:
        if kind == "sqs":
            _to_queue(target, body, attributes or {}, service, source_arn)
        elif kind == "sns":
            to_topic(world, target, "", body, service=service, source_arn=source_arn)
        else:
            _to_function(world, target, body, service, source_arn, origin)
    except ServiceException as error:
        raise Undeliverable("RESOURCE_NOT_FOUND", f"{target}: {error.message}") from error


def _check_role(world: World, role_arn: str, action: str, target: str) -> None:
    ruling = allowed(world, role_arn, action, target)
    if not ruling.allowed:
        raise Undeliverable("NO_PERMISSIONS", f"{role_arn} may not {action} on {target}")


def _to_queue(arn: str, body: str, attributes: dict[str, str], service: str | None, source_arn: str) -> None:
    sqs: Any = get_backend("sqs")[ACCOUNT][arn.split(":")[3]]
    queue = sqs.get_queue(arn.split(":")[-1])
    if service is not None:
        policy = json.loads(queue.policy) if queue.policy else {"Statement": []}
        if not permits(
            policy["Statement"],
            service=service,
            source_arn=source_arn,
            account=ACCOUNT,
            function_arn=queue.queue_arn,
            action="sqs:SendMessage",
        ):
            raise Undeliverable("NO_PERMISSIONS", f"the policy of queue {queue.name} does not let {service} send for {source_arn}")
    message_attributes = {key: {"DataType": "String", "StringValue": value} for key, value in attributes.items()}
    sqs.send_message(queue.name, body, message_attributes=message_attributes)


def to_topic(world: World, arn: str, subject: str, message: str, *, service: str | None, source_arn: str) -> None:
    """Publish for a service: the topic's policy must let it in, and so must its key's where it has one. Raises Undeliverable."""
    topic = backend("sns").get_topic(arn)
    if service is not None:
        if not _lets_in(topic, service, source_arn):
            raise Undeliverable("NO_PERMISSIONS", f"the policy of topic {topic.name} does not let {service} publish for {source_arn}")
        if topic.kms_master_key_id:
            ruling = service_may_publish(topic.kms_master_key_id, service, source_arn)
            if not ruling.allowed:
                raise Undeliverable("NO_PERMISSIONS", f"{service} is not authorized to access the SNS topic encryption key: {ruling.why}")
    assert world.topics is not None
    world.topics.publish(arn, subject, message)


def _lets_in(topic: Any, service: str, source_arn: str) -> bool:
    """By the policy that a topic has from the beginning the account publishes, and its alarms with it, but not its event rules.

    https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html and
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
    """
    statements = topic._policy_json.get("Statement", [])
    if service == ALARMS and any(statement.get("Sid") == "__default_statement_ID" for statement in statements):
        return True
    return permits(statements, service=service, source_arn=source_arn, account=ACCOUNT, function_arn=topic.arn, action="sns:Publish")


def _to_function(world: World, arn: str, body: str, service: str | None, source_arn: str, origin: str) -> None:
    assert isinstance(world.functions, FunctionEngine)
    try:
        if service is not None:
            world.functions.check(arn, service=service, source_arn=source_arn)
        world.functions.enqueue(arn, body.encode(), origin=origin)
    except Denied as error:
        raise Undeliverable("NO_PERMISSIONS", str(error)) from error
    except UnknownFunctionException as error:
        raise Undeliverable("RESOURCE_NOT_FOUND", f"no function {arn}") from error


def backend(service: str) -> Any:
    """moto's backend of the lab's account and region."""
    find: Any = get_backend
    return find(service)[ACCOUNT][REGION]
