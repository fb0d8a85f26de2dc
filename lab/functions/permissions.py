"""Resource-based policies of functions: may this AWS service, for this source, invoke it?

https://docs.aws.amazon.com/lambda/latest/dg/permissions-function-services.html
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from typing import Any


def permits(
    statements: Iterable[Mapping[str, Any]],
    *,
    service: str,
    source_arn: str,
    account: str,
    function_arn: str,
    action: str = "lambda:InvokeFunction",
) -> bool:
    """True when a statement allows the service principal; raises ValueError for a condition this lab does not know.

    The same form serves queues (function_arn is then the queue's, action sqs:SendMessage). Denials other than
    by the condition on TLS, which the lab's services satisfy, are not written in our templates.
    """
    return any(_allows(statement, service, source_arn, account, function_arn, action) for statement in statements)


def _allows(statement: Mapping[str, Any], service: str, source_arn: str, account: str, function_arn: str, asked: str) -> bool:
    action = statement.get("Action", "")
    actions = [action] if isinstance(action, str) else list(action)
    principal = statement.get("Principal", "")
    principals = principal.get("Service", []) if isinstance(principal, Mapping) else principal
    if statement.get("Effect", "Allow") != "Allow" or not any(fnmatch.fnmatchcase(asked.lower(), item.lower()) for item in actions):
        return False
    if service not in ([principals] if isinstance(principals, str) else list(principals)):
        return False
    resource = str(statement.get("Resource", function_arn)).removesuffix(":$LATEST").removesuffix(":")
    if _unqualified(resource) != _unqualified(function_arn):
        return False
    known = {"aws:sourcearn": source_arn, "aws:sourceaccount": account, "aws:securetransport": "true"}
    for operator, tests in (statement.get("Condition") or {}).items():
        for key, wanted in tests.items():
            if not _holds(operator, str(key).lower(), wanted, known):
                return False
    return True


def _holds(operator: str, key: str, wanted: Any, known: Mapping[str, str]) -> bool:
    values = [wanted] if isinstance(wanted, str) else list(wanted)
    if key not in known:
        raise ValueError(f"a condition on {key} in a function's policy: the lab does not know it")
    match operator:
        case "ArnLike" | "ArnEquals" | "StringLike":
            return any(fnmatch.fnmatchcase(known[key], value) for value in values)
        case "StringEquals" | "Bool":
            return known[key] in values
    raise ValueError(f"{operator} in a function's policy: the lab does not know it")


def _unqualified(arn: str) -> str:
    return re.sub(r"(:function:[^:]+):.*$", r"\1", arn)
