"""Messages to people."""

from __future__ import annotations

from core import names
from lambdas.adapters.clients import calling, client
from lambdas.adapters.environment import text


def publish(subject: str, message: str) -> None:
    with calling("publish to the topic"):
        client("sns").publish(TopicArn=text(names.ENV_TOPIC), Subject=subject, Message=message)
