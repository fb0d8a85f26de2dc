"""What an operator may do, as an IAM policy: read all of a deployable, write its intents, and nothing of EC2 or Auto Scaling.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core import names


def operator_policy(
    deployable: str, assemblies: Sequence[str], *, stack_id: str, table: str, topic: str = "", bucket: str = ""
) -> dict[str, Any]:
    """stack_id: the stack's ARN, for the partition, the region and the account. table, bucket: names. topic: an ARN.

    Raises ValueError for what is no stack's ARN.
    """
    parts = stack_id.split(":")
    if len(parts) != 6 or parts[2] != "cloudformation":
        raise ValueError(f"{stack_id!r} is no stack's ARN")
    partition, region, account = parts[1], parts[3], parts[4]
    table_arn = f"arn:{partition}:dynamodb:{region}:{account}:table/{table}"
    statements = [
        _items("ReadTheDeployable", table_arn, readable(deployable, assemblies), "GetItem", "Query"),
        _items("SayAWord", table_arn, [names.intent_pk(deployable)], "PutItem"),
        _allow("FindTheTable", f"{stack_id.rpartition('/')[0]}/*", "cloudformation:DescribeStacks"),
    ]
    if topic:
        statements.append(_allow("SeeWhoIsTold", topic, "sns:ListSubscriptionsByTopic"))
    if bucket:
        statements.append(_allow("ReadTheEvidence", f"arn:{partition}:s3:::{bucket}/evidence/{deployable}/*", "s3:GetObject"))
    return {"Version": "2012-10-17", "Statement": statements}


def readable(deployable: str, assemblies: Sequence[str]) -> list[str]:
    """Partitions of the state table. The budget is the foundation's: on a shared one it names the others' replacements too."""
    keys = (names.node_pk, names.look_pk, names.permit_pk, names.incident_pk)
    own = [key(deployable, assembly) for assembly in assemblies for key in keys]
    return [*own, names.intent_pk(deployable), names.history_pk(deployable), names.BUDGET_PK]


def _items(sid: str, table_arn: str, partitions: Sequence[str], *actions: str) -> dict[str, Any]:
    condition = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": list(partitions)}}
    return _allow(sid, table_arn, *(f"dynamodb:{action}" for action in actions), when=condition)


def _allow(sid: str, on: str, *actions: str, when: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": on, **({"Condition": when} if when else {})}
