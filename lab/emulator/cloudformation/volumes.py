"""AWS::EC2::Volume, and the policies that take snapshots of volumes."""

from __future__ import annotations

import secrets

from lab.emulator.cloudformation.provider import Made, Request, ResourceError, resource
from lab.world import ACCOUNT, REGION


@resource("AWS::EC2::Volume", attributes=("VolumeId",))
def volume(request: Request) -> Made:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-volume.html"""
    ec2, props = request.api("ec2"), request.props
    tags = props.tags()
    given = props.pick("AvailabilityZone", "VolumeType", "Encrypted")
    given["Size"] = int(props.need("Size"))
    if tags:
        given["TagSpecifications"] = [{"ResourceType": "volume", "Tags": tags}]
    made = ec2.create_volume(**given)["VolumeId"]
    return Made(made, {"VolumeId": made}, lambda: ec2.delete_volume(VolumeId=made))


@resource("AWS::DLM::LifecyclePolicy", attributes=("Arn",), again=True)
def lifecycle_policy(request: Request) -> Made:
    """Taken and forgotten: the emulator has no Data Lifecycle Manager, and no snapshot is ever taken here.

    What AWS demands of it is looked at:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dlm-lifecyclepolicy.html
    """
    props = request.props
    props.need("ExecutionRoleArn")
    props.take("Description")
    props.take("State")
    details = props.need("PolicyDetails")
    if not details.get("TargetTags") or not details.get("Schedules"):
        raise ResourceError("PolicyDetails without TargetTags or without Schedules takes no snapshot of anything")
    made = f"policy-{secrets.token_hex(8)}0"
    return Made(made, {"Arn": f"arn:aws:dlm:{REGION}:{ACCOUNT}:policy/{made}"})
