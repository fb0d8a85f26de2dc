"""Whether a set of identity policies allows a call: explicit deny, then allow, else denied; pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.policy.conditions import Context, PolicyError, holds, like

_STATEMENT_KEYS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing that a call wants to do: an action on one resource, with what the request tells of it."""

    action: str
    resource: str
    context: Context


@dataclass(frozen=True, slots=True)
class Ruling:
    allowed: bool
    why: str


def _list(value: Any) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else [str(value)]


def _applies(statement: Mapping[str, Any], ask: Ask) -> bool:
    unknown = set(statement) - _STATEMENT_KEYS
    if unknown:
        raise PolicyError(f"policy statement has {sorted(unknown)}, which the lab does not know")
    if "Action" in statement:
        if not any(like(pattern, ask.action, ignore_case=True) for pattern in _list(statement["Action"])):
            return False
    elif any(like(pattern, ask.action, ignore_case=True) for pattern in _list(statement["NotAction"])):
        return False
    if "Resource" in statement:
        if not any(like(pattern, ask.resource) for pattern in _list(statement["Resource"])):
            return False
    elif any(like(pattern, ask.resource) for pattern in _list(statement["NotResource"])):
        return False
    return holds(statement.get("Condition", {}), ask.context)


def rule(policies: Iterable[Mapping[str, Any]], ask: Ask) -> Ruling:
    """Judge one ask against policy documents. Raises PolicyError for what cannot be judged."""
    allowed = False
    for policy in policies:
        statements = policy["Statement"]
        for statement in statements if isinstance(statements, list) else [statements]:
            if not _applies(statement, ask):
                continue
            if statement["Effect"] == "Deny":
                return Ruling(False, f"an explicit deny ({statement.get('Sid', 'no Sid')}) covers {ask.action} on {ask.resource}")
            allowed = True
    if allowed:
        return Ruling(True, "allowed")
    return Ruling(False, f"no identity-based policy allows the {ask.action} action on {ask.resource}")
