"""AWS::KMS::Key."""

from __future__ import annotations

import json
from typing import Any

from lab.emulator.cloudformation.provider import Made, Request, ResourceError, resource
from lab.policy.keys import ROOT
from lab.policy.matching import Ask, rule


def _change(request: Request, physical_id: str) -> Made:
    """Policy, description and tags; the rest of a key stays as it was made."""
    kms, props = request.api("kms"), request.props
    kms.put_key_policy(KeyId=physical_id, PolicyName="default", Policy=_policy(props.need("KeyPolicy")))
    kms.update_key_description(KeyId=physical_id, Description=props.take("Description", ""))
    if tags := _tags(request):
        kms.tag_resource(KeyId=physical_id, Tags=tags)
    return _made(request, physical_id)


@resource("AWS::KMS::Key", attributes=("Arn", "KeyId"), change=_change)
def key(request: Request) -> Made:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kms-key.html"""
    kms, props = request.api("kms"), request.props
    given = props.pick("Description", "KeySpec", "KeyUsage", "MultiRegion", "Origin")
    made = kms.create_key(Policy=_policy(props.need("KeyPolicy")), Tags=_tags(request), **given)["KeyMetadata"]
    return _made(request, made["KeyId"])


def _made(request: Request, key_id: str) -> Made:
    kms, props = request.api("kms"), request.props
    rotate = bool(props.take("EnableKeyRotation", False))
    (kms.enable_key_rotation if rotate else kms.disable_key_rotation)(KeyId=key_id)
    days = int(props.take("PendingWindowInDays", 30))
    found = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    attributes = {"Arn": found["Arn"], "KeyId": key_id}
    return Made(key_id, attributes, lambda: kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=days))


def _tags(request: Request) -> list[dict[str, str]]:
    return [{"TagKey": name, "TagValue": value} for name, value in request.props.tag_map().items()]


def _policy(document: Any) -> str:
    """Refused when nobody could ever change it again, as AWS refuses it.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html and API_CreateKey: the policy must let the
    caller put another one; who deploys is of the account, so the account is what it must let in.
    """
    text = document if isinstance(document, str) else json.dumps(document)
    statements = json.loads(text)["Statement"]
    mine = [
        {k: v for k, v in one.items() if k != "Principal"} for one in statements if one["Principal"] in ({"AWS": ROOT}, {"AWS": "*"}, "*")
    ]
    if not rule([{"Statement": mine}], Ask("kms:PutKeyPolicy", "*", {})).allowed:
        raise ResourceError("The new key policy will not allow you to update the key policy in the future.")
    return text
