"""Nobody tells a deploy how a node came out, to see that CloudFormation goes back by itself only because somebody does."""

from __future__ import annotations

import json

from lab.drills.cloud import Cloud
from lab.drills.one_try import function_of

_ADMIT = "lambdas.admit_node.handler"
_POLICY = "no-signal"


def take_word(cloud: Cloud) -> None:
    """The role of admit_node may signal no stack."""
    deny = {"Effect": "Deny", "Action": "cloudformation:SignalResource", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    cloud.clients["iam"].put_role_policy(RoleName=_role(cloud), PolicyName=_POLICY, PolicyDocument=document)


def give_word(cloud: Cloud) -> None:
    """Harmless when it was not taken."""
    iam, role = cloud.clients["iam"], _role(cloud)
    if _POLICY in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=_POLICY)


def _role(cloud: Cloud) -> str:
    return str(function_of(cloud, _ADMIT)["Role"].rsplit("/", 1)[-1])
