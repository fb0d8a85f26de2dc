"""RunInstances as AWS reads it: the launch template's data counts, and capacity may be short."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from moto.backends import get_backend
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.utils import convert_tag_spec

from lab.world import ACCOUNT, REGION, MachineSpec

_SSM = "resolve:ssm:"


def template_data(backend: Any, launch_template: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a launch template's version as RunInstances names it; {} without a template."""
    return dict(backend._get_template_from_args(launch_template).data) if launch_template else {}


def with_template(asked: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """RunInstances' own parameters win over the launch template's; what moto drops is carried over.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html (LaunchTemplate)
    """
    wanted = dict(asked)
    given = convert_tag_spec(data.get("TagSpecifications", []))
    asked_tags = wanted.get("tags") or {}
    wanted["tags"] = {kind: {**given.get(kind, {}), **asked_tags.get(kind, {})} for kind in {*given, *asked_tags}}
    wanted["metadata_options"] = {**data.get("MetadataOptions", {}), **(wanted.get("metadata_options") or {})}
    if not wanted.get("nics") and data.get("NetworkInterfaces"):
        wanted["nics"] = [dict(nic) for nic in data["NetworkInterfaces"]]
    if data.get("BlockDeviceMappings") and not wanted.get("block_device_mappings"):
        # moto would add a root device of its own beside the template's: the AMI's root and this one are the same device
        wanted["block_device_mappings"] = [_block_device(mapping) for mapping in data["BlockDeviceMappings"]]
    if data.get("EbsOptimized") and not wanted.get("ebs_optimized"):
        wanted["ebs_optimized"] = True
    if data.get("Monitoring", {}).get("Enabled"):
        wanted["monitoring_state"] = "enabled"
    for name, key in (("disable_api_termination", "DisableApiTermination"), ("disable_api_stop", "DisableApiStop")):
        if data.get(key) and not wanted.get(name):
            wanted[name] = True
    behaviour = data.get("InstanceInitiatedShutdownBehavior")
    if behaviour and not wanted.get("instance_initiated_shutdown_behavior"):
        wanted["instance_initiated_shutdown_behavior"] = behaviour
    return wanted


def _block_device(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """A root volume goes with its instance unless the mapping says otherwise.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/preserving-volumes-on-termination.html
    """
    is_root = mapping.get("DeviceName") in ("/dev/xvda", "/dev/sda1")
    return {**mapping, "Ebs": {"DeleteOnTermination": is_root, **mapping.get("Ebs", {})}}


def image_of(asked: str | None, data: Mapping[str, Any]) -> str:
    """The AMI, a `resolve:ssm:` reference resolved as RunInstances does."""
    image = asked or data.get("ImageId") or ""
    if image.startswith(_SSM):
        parameter = get_backend("ssm")[ACCOUNT][REGION].get_parameter(image.removeprefix(_SSM))
        if parameter is None:
            raise EC2ClientError("InvalidParameterValue", f"The parameter {image.removeprefix(_SSM)} could not be found")
        return str(parameter.value)
    return image


def refuse_if_short(faults: Mapping[str, Any], instance_type: str, zone: str, zones: Sequence[str] = ()) -> None:
    """Raise InsufficientInstanceCapacity while a drill makes capacity short. zones: of the region, to name those that have some.

    faults["insufficient_capacity"]: True for all, or a list of instance types, zones, and pairs of both ("t4g.small/us-east-1a").
    faults["lost_zones"]: those that launch nothing, whatever the type.
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html
    """
    if not _is_short(faults, instance_type, zone):
        return
    elsewhere = [other for other in zones if not _is_short(faults, instance_type, other)]
    advice = ""
    if elsewhere:
        advice = (
            f" You can currently get {instance_type} capacity by not specifying an Availability Zone in your request "
            f"or choosing {', '.join(elsewhere)}."
        )
    raise EC2ClientError(
        "InsufficientInstanceCapacity",
        f"We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested ({zone}). "
        f"Our system will be working on provisioning additional capacity.{advice}",
    )


def refuse_to_start(faults: Mapping[str, Any], instance: Any) -> None:
    """As refuse_if_short, for a stopped instance: its capacity was given back.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html ("launch an instance or restart a stopped instance")
    """
    refuse_if_short(faults, instance.instance_type, instance.availability_zone)


def _is_short(faults: Mapping[str, Any], instance_type: str, zone: str) -> bool:
    short = faults.get("insufficient_capacity")
    if short is True or zone in faults.get("lost_zones", ()):
        return True
    return isinstance(short, list | tuple | set) and not {instance_type, zone, f"{instance_type}/{zone}"}.isdisjoint(short)


def architecture_of(instance_type: str, fallback: str) -> str:
    """arm64 or x86_64, from the instance type; fallback for a type moto does not know."""
    found = INSTANCE_TYPES.get(instance_type, {}).get("ProcessorInfo", {}).get("SupportedArchitectures", [])
    return next((str(name) for name in found if name in ("arm64", "x86_64")), fallback)


def role_arn_of(backend: Any, instance_id: str) -> str | None:
    """The role in the instance profile that is associated with the instance."""
    association = backend.iam_instance_profile_associations.get(instance_id)
    roles = association.iam_instance_profile.roles if association else []
    return str(roles[0].arn) if roles else None


def machine_spec(instance: Any) -> MachineSpec:
    """Everything the machine and its metadata service need, as EC2 knows it at boot."""
    backend, nic = instance.ec2_backend, instance.nics[0]
    subnet = backend.get_subnet(instance.subnet_id)
    options = instance.metadata_options
    return MachineSpec(
        instance_id=instance.id,
        private_ip=nic.private_ip_address,
        subnet_id=subnet.id,
        subnet_cidr=subnet.cidr_block,
        vpc_cidr=backend.get_vpc(subnet.vpc_id).cidr_block,
        mac=nic.mac_address,
        zone=instance.availability_zone,
        instance_type=instance.instance_type,
        image_id=instance.image_id,
        architecture=instance.architecture,
        user_data=base64.b64decode(str(instance.user_data)) if instance.user_data else b"",
        role_arn=role_arn_of(backend, instance.id),
        imds_tokens_required=options.http_tokens == "required",
        imds_hop_limit=int(options.http_put_response_hop_limit),
        tags={tag["key"]: tag["value"] for tag in instance.get_tags()},
    )
