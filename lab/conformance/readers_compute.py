"""Reads AWS::Lambda::* and AWS::AutoScaling::* back."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from lab.conformance.live import Live, Missing, Read, only, reader, some, tag_list

_FUNCTION = (
    "Architectures", "DeadLetterConfig", "Description", "Environment", "EphemeralStorage", "FunctionName", "Handler",
    "LoggingConfig", "MemorySize", "PackageType", "Role", "Runtime", "Timeout", "TracingConfig", "VpcConfig",
)  # fmt: skip


def _code(read: Read, sha256: str) -> dict[str, Any]:
    """The wanted archive, if the function really has that archive's bytes: the API tells the hash only."""
    wanted = read.wanted.get("Code", {})
    if "S3Key" not in wanted:
        return {}
    body = read.api("s3").get_object(Bucket=wanted["S3Bucket"], Key=wanted["S3Key"])["Body"].read()
    if base64.b64encode(hashlib.sha256(body).digest()).decode() != sha256:
        return {"S3Bucket": "another archive", "S3Key": sha256}
    return dict(wanted)


@reader("AWS::Lambda::Function")
def function(read: Read) -> Live:
    api, name = read.api("lambda"), read.physical_id
    answer = api.get_function(FunctionName=name)
    found = answer["Configuration"]
    properties = some(found, *_FUNCTION)
    properties |= {"KmsKeyArn": found["KMSKeyArn"]} if found.get("KMSKeyArn") else {}
    properties["Layers"] = [layer["Arn"] for layer in found.get("Layers", [])]
    properties["Code"] = _code(read, found["CodeSha256"])
    properties["Tags"] = tag_list(answer.get("Tags", {}))
    properties |= some(api.get_function_concurrency(FunctionName=name), "ReservedConcurrentExecutions")
    properties |= some(api.get_function_recursion_config(FunctionName=name), "RecursiveLoop")
    return Live(properties, {"Arn": found["FunctionArn"]})


def _principal(statement: dict[str, Any]) -> Any:
    principal = statement["Principal"]
    return next(iter(principal.values())) if isinstance(principal, dict) else principal


@reader("AWS::Lambda::Permission")
def permission(read: Read) -> Live:
    api, wanted = read.api("lambda"), read.wanted["FunctionName"]
    policy = json.loads(api.get_policy(FunctionName=wanted)["Policy"])
    found = only([item for item in policy["Statement"] if item["Sid"] == read.physical_id], read.physical_id)
    arn = api.get_function(FunctionName=wanted)["Configuration"]["FunctionArn"]
    if found["Resource"] != arn:
        raise Missing(f"the statement is about {found['Resource']}, not {arn}")
    conditions = {key.lower(): value for operator in found.get("Condition", {}).values() for key, value in operator.items()}
    properties = {"FunctionName": wanted, "Action": found["Action"], "Principal": _principal(found)}
    for name, key in (("SourceArn", "aws:sourcearn"), ("SourceAccount", "aws:sourceaccount"), ("PrincipalOrgID", "aws:principalorgid")):
        properties |= {name: conditions[key]} if key in conditions else {}
    return Live(properties, {"Id": read.physical_id})


@reader("AWS::Lambda::EventInvokeConfig")
def event_invoke_config(read: Read) -> Live:
    name, qualifier = read.physical_id.split("|")
    found = read.api("lambda").get_function_event_invoke_config(FunctionName=name)
    properties = some(found, "MaximumEventAgeInSeconds", "MaximumRetryAttempts", "DestinationConfig")
    return Live({"FunctionName": name, "Qualifier": qualifier, **properties})


@reader("AWS::Lambda::EventSourceMapping")
def event_source_mapping(read: Read) -> Live:
    api = read.api("lambda")
    found = api.get_event_source_mapping(UUID=read.physical_id)
    arn = found["FunctionArn"]
    wanted = str(read.wanted.get("FunctionName", ""))
    properties: dict[str, Any] = {**found, "Enabled": found["State"] == "Enabled", "Tags": tag_list(found.get("Tags") or {})}
    properties["FunctionName"] = arn if wanted.startswith("arn:") else arn.split(":")[6]
    return Live(properties, {"Id": read.physical_id, "EventSourceMappingArn": found["EventSourceMappingArn"]})


def _hook(found: dict[str, Any]) -> dict[str, Any]:
    names = ("LifecycleHookName", "LifecycleTransition", "HeartbeatTimeout", "DefaultResult", "NotificationMetadata")
    return some(found, *names, "NotificationTargetARN", "RoleARN")


@reader("AWS::AutoScaling::AutoScalingGroup")
def group(read: Read) -> Live:
    autoscaling, name = read.api("autoscaling"), read.physical_id
    found = only(autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"], name)
    properties: dict[str, Any] = {**found, "VPCZoneIdentifier": found.get("VPCZoneIdentifier", "").split(",")}
    properties["Tags"] = [some(tag, "Key", "Value", "PropagateAtLaunch") for tag in found.get("Tags", [])]
    template = found.get("LaunchTemplate")
    if template:
        properties["LaunchTemplate"] = template
    hooks = autoscaling.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
    properties["LifecycleHookSpecificationList"] = [_hook(hook) for hook in hooks]
    return Live(properties)


@reader("AWS::AutoScaling::LifecycleHook")
def lifecycle_hook(read: Read) -> Live:
    names = {"AutoScalingGroupName": read.wanted["AutoScalingGroupName"], "LifecycleHookNames": [read.physical_id]}
    found = only(read.api("autoscaling").describe_lifecycle_hooks(**names)["LifecycleHooks"], read.physical_id)
    return Live({"AutoScalingGroupName": found["AutoScalingGroupName"], **_hook(found)})


@reader("AWS::AutoScaling::WarmPool")
def warm_pool(read: Read) -> Live:
    told = read.api("autoscaling").describe_warm_pool(AutoScalingGroupName=read.physical_id)
    if "WarmPoolConfiguration" not in told:
        raise Missing(f"{read.physical_id} has no warm pool")
    found = told["WarmPoolConfiguration"]
    properties = {"AutoScalingGroupName": read.physical_id, **some(found, "MaxGroupPreparedCapacity", "MinSize", "PoolState")}
    properties["InstanceReusePolicy"] = found.get("InstanceReusePolicy", {"ReuseOnScaleIn": False})
    return Live(properties)
