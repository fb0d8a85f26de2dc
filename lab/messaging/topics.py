"""SNS: what is published really reaches functions and queues; e-mail is written into the journal.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
"""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import moto.sns.models as sns_models

from lab import tracing
from lab.functions.guard import guarded
from lab.messaging.send import Undeliverable, backend, send
from lab.patching import replace
from lab.world import REGION, World

_SERVICE = "sns.amazonaws.com"
_KEPT = 200  # notifications moto keeps for reading
_TEXT_MAX = 4000  # of a message, in the journal


class TopicEngine:
    """world.topics, and where moto's own Topic.publish now goes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._workers = ThreadPoolExecutor(4, thread_name_prefix="topics")

    def publish(self, topic_arn: str, subject: str, message: str) -> None:
        backend("sns").get_topic(topic_arn).publish(message, subject or None)

    def patch(self) -> None:
        """Patch point with a contract test: moto.sns.models.Topic.publish."""
        engine = self

        def publish(topic: Any, message: str, subject: str | None = None, message_attributes: Any = None, *_rest: Any, **more: Any) -> str:
            message_id = str(uuid.uuid4())
            topic.sent_notifications.append((message_id, message, subject, message_attributes, None))
            del topic.sent_notifications[:-_KEPT]
            engine.deliver(topic, message_id, message, subject, message_attributes or {}, more.get("message_structure"))
            return message_id

        replace(sns_models.Topic, "publish", publish)

    def deliver(
        self, topic: Any, message_id: str, message: str, subject: str | None, attributes: dict[str, Any], structure: str | None
    ) -> None:
        self._world.journal.say("topic", f"{topic.name}: {subject or message[:200]}", topic=topic.arn, message=message[:_TEXT_MAX])
        subscriptions, _ = backend("sns").list_subscriptions_by_topic(topic_arn=topic.arn)
        for subscription in subscriptions:
            matcher = subscription._filter_policy_matcher
            if matcher is not None and not matcher.matches(attributes, message):
                continue
            text = _for_protocol(message, subscription.protocol) if structure == "json" else message
            arguments = (subscription, message_id, text, subject, attributes)
            self._workers.submit(guarded, self._world, "topic", self._in_its_chain, tracing.current(), *arguments)

    def close(self) -> None:
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _in_its_chain(self, trace: str, *arguments: Any) -> None:
        with tracing.carrying(trace):
            self._one(*arguments)

    def _one(self, subscription: Any, message_id: str, message: str, subject: str | None, attributes: dict[str, Any]) -> None:
        topic = subscription.topic_arn
        envelope = notification(topic, subscription.arn, message_id, message, subject, attributes)
        if subscription.protocol in ("email", "email-json"):
            self._world.journal.say(
                "topic", f"e-mail to {subscription.endpoint}: {subject or ''}".rstrip(": "), message=message[:_TEXT_MAX]
            )
            return
        if subscription.protocol == "sqs":
            raw = str(subscription.attributes.get("RawMessageDelivery", "false")).lower() == "true"
            body = message if raw else json.dumps(envelope)
        elif subscription.protocol == "lambda":
            record = {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": subscription.arn,
                "Sns": for_lambda(envelope),
            }
            body = json.dumps({"Records": [record]})
        else:
            self._world.journal.say("topic", f"the lab delivers no {subscription.protocol}", endpoint=subscription.endpoint)
            return
        try:
            send(self._world, subscription.endpoint, body, service=_SERVICE, source_arn=topic, origin=f"topic {topic.rsplit(':', 1)[-1]}")
        except Undeliverable as error:
            self._world.journal.say("topic", f"not delivered: {error}", topic=topic, endpoint=subscription.endpoint)


def notification(
    topic_arn: str, subscription_arn: str, message_id: str, message: str, subject: str | None, attributes: dict[str, Any]
) -> dict[str, Any]:
    """The JSON that queues and HTTP endpoints get. The signature is not a real one."""
    body: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": topic_arn,
        "Message": message,
        "Timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "SignatureVersion": "1",
        "Signature": "LAB",
        "SigningCertURL": f"https://sns.{REGION}.amazonaws.com/SimpleNotificationService-lab.pem",
        "UnsubscribeURL": f"https://sns.{REGION}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={subscription_arn}",
    }
    if subject:
        body["Subject"] = subject
    if attributes:
        body["MessageAttributes"] = attributes
    return body


def for_lambda(envelope: dict[str, Any]) -> dict[str, Any]:
    """Functions get the same with two keys spelled otherwise: https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html"""
    renamed = {"SigningCertURL": "SigningCertUrl", "UnsubscribeURL": "UnsubscribeUrl"}
    body = {renamed.get(key, key): value for key, value in envelope.items()}
    return {"Subject": None, "MessageAttributes": {}, **body}


def _for_protocol(message: str, protocol: str) -> str:
    choices = json.loads(message)
    return str(choices.get(protocol, choices["default"]))
