"""What machines start from: images by name, by id, or by a parameter that holds an id; and the ids that a lock file keeps."""

from __future__ import annotations

from dataclasses import dataclass

ARM64, X86_64 = "arm64", "x86_64"
AMI_PREFIX, SSM_PREFIX = "ami-", "ssm:"


@dataclass(frozen=True, slots=True)
class Named:
    """A publisher's image. parameters: the public parameter that holds its newest id, by architecture.

    root_device: the device that the image's own disk is mapped to; a template that names another one adds a second disk.
    python_package: what brings a Python that the agent runs on, where the image's own is older than 3.11.
    """

    parameters: dict[str, str]
    root_device: str
    python_package: str | None = None


_UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/{}/hvm/ebs-gp3/ami-id"
_AMAZON = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{}"
_DEBIAN = "/aws/service/debian/release/12/latest/{}"

NAMED = {
    # https://wiki.debian.org/Cloud/AmazonEC2Image/Bookworm; Python 3.11, https://packages.debian.org/bookworm/python3
    "debian-12": Named({X86_64: _DEBIAN.format("amd64"), ARM64: _DEBIAN.format("arm64")}, "/dev/xvda"),
    # https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/; Python 3.12, https://packages.ubuntu.com/noble/python3
    "ubuntu-24.04": Named({X86_64: _UBUNTU.format("amd64"), ARM64: _UBUNTU.format("arm64")}, "/dev/sda1"),
    # https://docs.aws.amazon.com/linux/al2023/ug/ec2.html; Python 3.9, and 3.11 in its repository:
    # https://docs.aws.amazon.com/linux/al2023/ug/python.html
    "amazon-linux-2023": Named({X86_64: _AMAZON.format("x86_64"), ARM64: _AMAZON.format("arm64")}, "/dev/xvda", "python3.11"),
}


@dataclass(frozen=True, slots=True)
class Pin:
    """The image that a parameter held in a region when it was asked, and that machines start from until it is asked again."""

    region: str
    parameter: str
    image_id: str


def parameter_of(image: str, architecture: str) -> str | None:
    """The parameter that holds the image's id; None where the image is an id itself. Raises KeyError for a name that is not known."""
    if image.startswith(AMI_PREFIX):
        return None
    if image.startswith(SSM_PREFIX):
        return image.removeprefix(SSM_PREFIX)
    return NAMED[image].parameters[architecture]
