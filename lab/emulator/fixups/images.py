"""EC2 and SSM: the image that stands for Debian 12, and the public parameters that name it.

https://wiki.debian.org/Cloud/AmazonEC2Image/Bookworm names the parameters.
"""

from __future__ import annotations

from moto.backends import get_backend
from moto.core.utils import utcnow
from moto.ec2.models.amis import Ami
from moto.ssm.models import Parameter

from lab.world import ACCOUNT, REGION

# parameter's last part -> (image id, architecture as EC2 calls it)
IMAGES = {"amd64": ("ami-0deb1200000000064", "x86_64"), "arm64": ("ami-0deb12000000000a6", "arm64")}
PREFIX = "/aws/service/debian/release/12/latest/"


def install() -> None:
    ec2 = get_backend("ec2")[ACCOUNT][REGION]
    ssm = get_backend("ssm")[ACCOUNT][REGION]
    for last, (image_id, architecture) in IMAGES.items():
        ec2.amis[image_id] = Ami(
            ec2,
            image_id,
            name=f"debian-12-{last}-lab",
            description="What the lab's machines run as: this host's own system",
            owner_id="136693071363",  # Debian's account
            public=True,
            virtualization_type="hvm",
            architecture=architecture,
            root_device_type="ebs",
            root_device_name="/dev/xvda",
            hypervisor="xen",
            boot_mode="uefi",
        )
        name = PREFIX + last
        ssm._parameters[name] = [  # PutParameter refuses /aws names, as AWS's does
            Parameter(  # type: ignore[abstract]  # moto leaves two methods out
                account_id=ACCOUNT,
                name=name,
                value=image_id,
                parameter_type="String",
                description=None,
                allowed_pattern=None,
                keyid=None,
                last_modified_date=utcnow(),
                version=1,
                data_type="aws:ec2:image",
            )
        ]
