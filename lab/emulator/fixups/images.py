"""EC2 and SSM: the images that the lab knows by name, and the public parameters that hold them.

https://wiki.debian.org/Cloud/AmazonEC2Image/Bookworm, https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/ and
https://docs.aws.amazon.com/linux/al2023/ug/ec2.html name the parameters. Whatever its name says, a machine of the lab runs as this
host's own system.
"""

from __future__ import annotations

from dataclasses import dataclass

from moto.backends import get_backend
from moto.core.utils import utcnow
from moto.ec2.models.amis import Ami
from moto.ssm.models import Parameter

from lab.world import ACCOUNT, REGION


@dataclass(frozen=True, slots=True)
class Published:
    """A publisher's newest image for one architecture. device: of its own disk; owner: the publisher's account."""

    parameter: str
    image_id: str
    architecture: str
    device: str
    owner: str


_DEBIAN, _CANONICAL, _AMAZON = "136693071363", "099720109477", "137112412989"
_UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/{}/hvm/ebs-gp3/ami-id"
_AL2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{}"
PUBLISHED = (
    Published("/aws/service/debian/release/12/latest/amd64", "ami-0deb1200000000064", "x86_64", "/dev/xvda", _DEBIAN),
    Published("/aws/service/debian/release/12/latest/arm64", "ami-0deb12000000000a6", "arm64", "/dev/xvda", _DEBIAN),
    Published(_UBUNTU.format("amd64"), "ami-0b240400000000064", "x86_64", "/dev/sda1", _CANONICAL),
    Published(_UBUNTU.format("arm64"), "ami-0b2404000000000a6", "arm64", "/dev/sda1", _CANONICAL),
    Published(_AL2023.format("x86_64"), "ami-0a202300000000064", "x86_64", "/dev/xvda", _AMAZON),
    Published(_AL2023.format("arm64"), "ami-0a2023000000000a6", "arm64", "/dev/xvda", _AMAZON),
)


def install() -> None:
    ec2 = get_backend("ec2")[ACCOUNT][REGION]
    ssm = get_backend("ssm")[ACCOUNT][REGION]
    ssm._parameters.latest_amis_loaded = True  # moto's own list, with other ids under the same names
    for image in PUBLISHED:
        ec2.amis[image.image_id] = Ami(
            ec2,
            image.image_id,
            name=f"lab{image.parameter.replace('/', '-')}",
            description="What the lab's machines run as: this host's own system",
            owner_id=image.owner,
            public=True,
            virtualization_type="hvm",
            architecture=image.architecture,
            root_device_type="ebs",
            root_device_name=image.device,
            hypervisor="xen",
            boot_mode="uefi",
        )
        ssm._parameters[image.parameter] = [  # PutParameter refuses /aws names, as AWS's does
            Parameter(  # type: ignore[abstract]  # moto leaves two methods out
                account_id=ACCOUNT,
                name=image.parameter,
                value=image.image_id,
                parameter_type="String",
                description=None,
                allowed_pattern=None,
                keyid=None,
                last_modified_date=utcnow(),
                version=1,
                data_type="aws:ec2:image",
            )
        ]
