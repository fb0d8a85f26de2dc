"""Which image a launch may start from: one that exists, and one for the instance's own architecture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.amis import Ami

from lab.ec2.launch import architecture_of


def know(backend: Any, data: Mapping[str, Any]) -> None:
    """An image that a template names by its id exists: nobody but its owner could tell what is on it, and here it is this host's system.

    data: of the launch template. Its architecture is taken to be that of the template's instance type.
    """
    image_id, instance_type = data.get("ImageId", ""), data.get("InstanceType", "")
    if image_id.startswith("ami-") and image_id not in backend.amis:
        devices = [mapping.get("DeviceName") for mapping in data.get("BlockDeviceMappings", [])]
        backend.amis[image_id] = Ami(
            backend,
            image_id,
            name=f"lab-{image_id}",
            description="Named by a template: this host's own system",
            owner_id=backend.account_id,
            virtualization_type="hvm",
            architecture=architecture_of(instance_type, "x86_64"),
            root_device_type="ebs",
            root_device_name=next(iter(devices), None) or "/dev/xvda",
            hypervisor="xen",
            boot_mode="uefi",
        )


def refuse_unfit(backend: Any, image_id: str, instance_type: str) -> None:
    """Raise what RunInstances answers when there is no such image, or it is for another architecture.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html (InvalidAMIID.NotFound) and
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ComponentsAMIs.html: an image is for one architecture.
    """
    image = backend.amis.get(image_id)
    if image is None:
        raise EC2ClientError("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    wanted = architecture_of(instance_type, image.architecture)
    if wanted != image.architecture:
        raise EC2ClientError(
            "InvalidParameterValue",
            f"The architecture '{wanted}' of the specified instance type does not match the architecture '{image.architecture}' of the "
            "specified AMI. Specify an instance type and an AMI that have matching architectures, and try again.",
        )
