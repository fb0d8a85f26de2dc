"""Calling our other functions."""

from __future__ import annotations

import json
from typing import Any

from lambdas.adapters.clients import WorldFailed, calling, client

ANSWER_TIMEOUT_S = 25  # longer than the asked function may take; asked once, for a second try would double the wait


def wake(function: str, payload: dict[str, Any]) -> None:
    """Asynchronously: Lambda queues and retries it."""
    with calling(f"wake {function}"):
        client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(payload).encode())


def ask(function: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Its answer. Raises WorldFailed, also when the function itself failed."""
    with calling(f"ask {function}"):
        answer = client("lambda", once=True, read_timeout_s=ANSWER_TIMEOUT_S).invoke(
            FunctionName=function, InvocationType="RequestResponse", Payload=json.dumps(payload).encode()
        )
        body = answer["Payload"].read()
    if answer.get("FunctionError"):
        raise WorldFailed(f"ask {function}", str(answer["FunctionError"]), body.decode("utf-8", "replace")[:300])
    try:
        result = json.loads(body)
    except ValueError as error:
        raise WorldFailed(f"ask {function}", "BadAnswer", str(error)) from error
    if not isinstance(result, dict):
        raise WorldFailed(f"ask {function}", "BadAnswer", f"{result!r:.100} is not an object")
    return result
