"""What a policy's conditions ask about, answered by the emulator's own API and backends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.backends import get_backend

from lab.policy.keys import key_arn
from lab.principals import ADMIN_KEY, ADMIN_SECRET
from lab.world import ACCOUNT, REGION, World


class EmulatorDirectory:
    """See lab.policy.asks.Directory. Asks over HTTP, so that it leans on no engine's inside."""

    account = ACCOUNT
    region = REGION

    def __init__(self, world: World) -> None:
        self._world = world

    def _client(self, service: str) -> Any:
        config = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 2})
        return boto3.client(
            service,
            endpoint_url=self._world.endpoint,
            region_name=REGION,
            aws_access_key_id=ADMIN_KEY,
            aws_secret_access_key=ADMIN_SECRET,
            config=config,
        )

    @cached_property
    def _ec2(self) -> Any:
        return self._client("ec2")

    @cached_property
    def _autoscaling(self) -> Any:
        return self._client("autoscaling")

    def ec2_tags(self, resource_id: str) -> Mapping[str, str]:
        tags = self._ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [resource_id]}])["Tags"]
        return {tag["Key"]: tag["Value"] for tag in tags}

    def group(self, name: str) -> tuple[str, Mapping[str, str]]:
        groups = self._autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"] if name else []
        if not groups:
            return f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:none:autoScalingGroupName/{name or 'none'}", {}
        return groups[0]["AutoScalingGroupARN"], {tag["Key"]: tag["Value"] for tag in groups[0].get("Tags", [])}

    def group_of(self, instance_id: str) -> str:
        rows = self._autoscaling.describe_auto_scaling_instances(InstanceIds=[instance_id])["AutoScalingInstances"]
        return rows[0]["AutoScalingGroupName"] if rows else ""

    def instance_of_address(self, association_id: str) -> str:
        try:
            rows = self._ec2.describe_addresses(Filters=[{"Name": "association-id", "Values": [association_id]}])["Addresses"]
        except ClientError:
            rows = []
        return f"{rows[0]['AllocationId']} {rows[0].get('InstanceId', '')}" if rows else "eipalloc-none "

    def topic_key(self, topic_arn: str) -> str:
        topic = get_backend("sns")[ACCOUNT][REGION].topics.get(topic_arn)
        return key_arn(topic.kms_master_key_id) if topic and topic.kms_master_key_id else ""

    def ends_of_interface(self, attachment_id: str) -> tuple[str, str]:
        rows = self._ec2.describe_network_interfaces(Filters=[{"Name": "attachment.attachment-id", "Values": [attachment_id]}])
        found = next(iter(rows["NetworkInterfaces"]), None)
        return (found["NetworkInterfaceId"], found["Attachment"]["InstanceId"]) if found else ("eni-none", "i-none")

    def hash_key(self, table: str) -> str:
        name = table.rsplit("/", 1)[-1]
        found = get_backend("dynamodb")[ACCOUNT][REGION].tables.get(name)
        return str(found.hash_key_attr) if found else "pk"


def role_policies(role_arn: str) -> list[Mapping[str, Any]] | None:
    """The policy documents of a role, as deployed; None when the role does not exist (any more)."""
    iam = get_backend("iam")[ACCOUNT]["aws"]
    name = role_arn.rsplit("/", 1)[-1]
    for role in iam.roles.values():
        if role.name == name:
            managed = [policy.versions[0].document for policy in role.managed_policies.values()]
            return [json.loads(document) for document in (*role.policies.values(), *managed)]
    return None
