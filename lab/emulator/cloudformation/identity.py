"""AWS::IAM::* and AWS::SSM::Parameter."""

from __future__ import annotations

import json
from typing import Any

from lab.emulator.cloudformation.provider import Made, Request, resource
from lab.world import ACCOUNT, REGION


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


@resource("AWS::IAM::Role", name="RoleName", name_max=64, attributes=("Arn", "RoleId"))
def role(request: Request) -> Made:
    iam, props = request.api("iam"), request.props
    given = props.pick("Path", "Description", "MaxSessionDuration", "PermissionsBoundary")
    trust = _text(props.need("AssumeRolePolicyDocument"))
    made = iam.create_role(RoleName=request.name, AssumeRolePolicyDocument=trust, Tags=props.tags(), **given)["Role"]
    for policy in props.take("Policies", []):
        document = _text(policy["PolicyDocument"])
        iam.put_role_policy(RoleName=request.name, PolicyName=policy["PolicyName"], PolicyDocument=document)
    for arn in props.take("ManagedPolicyArns", []):
        iam.attach_role_policy(RoleName=request.name, PolicyArn=arn)
    return Made(request.name, {"Arn": made["Arn"], "RoleId": made["RoleId"]}, lambda: iam.delete_role(RoleName=request.name))


@resource("AWS::IAM::Policy", name="PolicyName", name_max=128, attributes=("Id",), again=True)
def policy(request: Request) -> Made:
    """An inline policy put on each role; Ref gives its name, as a thing of its own it has no ARN."""
    iam, props = request.api("iam"), request.props
    document, roles = _text(props.need("PolicyDocument")), props.need("Roles")

    def undo() -> None:
        for name in roles:
            iam.delete_role_policy(RoleName=name, PolicyName=request.name)

    for name in roles:
        iam.put_role_policy(RoleName=name, PolicyName=request.name, PolicyDocument=document)
    return Made(request.name, {"Id": request.name}, undo)


@resource("AWS::IAM::InstanceProfile", name="InstanceProfileName", name_max=128, attributes=("Arn",))
def instance_profile(request: Request) -> Made:
    iam, props = request.api("iam"), request.props
    made = iam.create_instance_profile(InstanceProfileName=request.name, **props.pick("Path"))["InstanceProfile"]
    for name in props.need("Roles"):
        iam.add_role_to_instance_profile(InstanceProfileName=request.name, RoleName=name)
    roles = list(props.need("Roles"))

    def undo() -> None:
        """Its roles first: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteInstanceProfile.html"""
        while roles:
            iam.remove_role_from_instance_profile(InstanceProfileName=request.name, RoleName=roles[-1])
            roles.pop()
        iam.delete_instance_profile(InstanceProfileName=request.name)

    return Made(request.name, {"Arn": made["Arn"]}, undo)


@resource("AWS::SSM::Parameter", name="Name", attributes=("Type", "Value"), again=True)
def parameter(request: Request) -> Made:
    ssm, props = request.api("ssm"), request.props
    kind, value = props.need("Type"), str(props.need("Value"))
    tags = [{"Key": key, "Value": text} for key, text in (props.take("Tags") or {}).items()]  # a map for this one type
    ssm.put_parameter(Name=request.name, Type=kind, Value=value, Overwrite=True, **props.pick("Description", "AllowedPattern", "Tier"))
    if tags:
        ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=request.name, Tags=tags)
    return Made(request.name, {"Type": kind, "Value": value}, lambda: ssm.delete_parameter(Name=request.name))


def role_arn(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def regional_arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"
