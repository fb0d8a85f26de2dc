"""Keys that encrypt what somebody publishes: whoever publishes must be let in by the key's own policy too.

https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from moto.backends import get_backend

from lab.policy.conditions import Context
from lab.policy.matching import Ask, Ruling, rule
from lab.world import ACCOUNT, REGION

# What publishing to an encrypted topic asks of its key.
TO_PUBLISH = ("kms:GenerateDataKey", "kms:Decrypt")
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
VIA_TOPICS: Context = {"kms:viaservice": (f"sns.{REGION}.amazonaws.com",)}
_MANAGED = "alias/aws/"
# EventBridge's request to a key does not say for whom it is made: conditions on that never hold, and nothing is delivered.
_SAYS_NO_SOURCE = ("events.amazonaws.com",)


def key_arn(name: str) -> str:
    """Of a key given by id, ARN or alias; an alias of AWS's own stays what it is."""
    if _MANAGED in name:
        return f"arn:aws:kms:{REGION}:{ACCOUNT}:{name.rsplit(':', 1)[-1]}"
    return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{_backend().any_id_to_key_id(name)}"


def service_may_publish(key: str, service: str, source_arn: str) -> Ruling:
    """Whether an AWS service may publish through a topic's key, itself and not in a role's name. Raises PolicyError."""
    known = () if service in _SAYS_NO_SOURCE else (("aws:sourceaccount", (ACCOUNT,)), ("aws:sourcearn", (source_arn,)))
    arn = key_arn(key)
    for action in TO_PUBLISH:
        ruling = _by_key(arn, {("Service", service)}, Ask(action, arn, dict(known)))
        if not ruling.allowed:
            return ruling
    return Ruling(True, "allowed")


def role_may(role_arn: str, policies: Iterable[Mapping[str, Any]], ask: Ask) -> Ruling:
    """Whether a role may use a key: the key names it, or leaves it to the account's policies and they allow it."""
    if _MANAGED in ask.resource:
        return Ruling(True, "allowed")  # AWS's own key lets everybody of the account in who comes through its service
    direct = _by_key(ask.resource, {("AWS", role_arn)}, ask)
    if direct.allowed:
        return direct
    delegated = _by_key(ask.resource, {("AWS", role_arn), ("AWS", ROOT)}, ask)
    return rule(policies, ask) if delegated.allowed else delegated


def _by_key(arn: str, who: set[tuple[str, str]], ask: Ask) -> Ruling:
    if _MANAGED in arn:
        return Ruling(False, f"nobody can change the policy of {arn}, and it lets in no service")
    key = _backend().keys.get(arn.rsplit("/", 1)[-1])
    if key is None or not key.enabled:
        return Ruling(False, f"the key {arn} {'does not exist' if key is None else 'is not enabled'}")
    statements = json.loads(key.policy)["Statement"]
    mine = [{name: value for name, value in one.items() if name != "Principal"} for one in statements if _names(one["Principal"], who)]
    ruling = rule([{"Statement": mine}], ask)
    return (
        ruling if ruling.allowed or "explicit" in ruling.why else Ruling(False, f"the policy of the key {arn} does not allow {ask.action}")
    )


def _names(principal: Any, who: set[tuple[str, str]]) -> bool:
    """Whether a statement's principal is one of these."""
    if principal == "*":
        return True
    named = {(kind, one) for kind, ones in principal.items() for one in ([ones] if isinstance(ones, str) else ones)}
    return bool(named & who) or ("AWS", "*") in named


def _backend() -> Any:
    find: Any = get_backend
    return find("kms")[ACCOUNT][REGION]
