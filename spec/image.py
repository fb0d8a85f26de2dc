"""What machines start from, as the deployable file says it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

from core.images import AMI_PREFIX, NAMED, Pin
from core.model import Assembly, Deployable
from core.state import Keep
from spec.problems import Finding, KeyPath
from spec.values import Matching

IMAGES_SAID = f"{', '.join(NAMED)}, an id such as ami-0123456789abcdef0, or ssm:/path of a parameter that holds one"
ROOT_DEVICE_SAID = "with an image by id or parameter: the device of its own disk, as `aws ec2 describe-images` shows it, such as /dev/xvda"
AMI = r"ami-[0-9a-f]{8}(?:[0-9a-f]{9})?"
_SSM = r"ssm:/[A-Za-z0-9_./-]{1,1000}"

# https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html: letters, digits and .-_/ in names.
ImageText = Annotated[
    str,
    Matching(
        "|".join([*(re.escape(name) for name in NAMED), AMI, _SSM]),
        "is no image that is known",
        f"choose {IMAGES_SAID}",
    ),
]


def check_image(here: KeyPath, assembly: dict[str, Any]) -> Iterator[Finding]:
    """The device of the image's own disk is known for the named ones, and known to nobody but its owner for the others."""
    image, device = assembly.get("image"), assembly.get("root_device")
    if not isinstance(image, str):
        return
    if re.fullmatch(f"{AMI}|{_SSM}", image) and device is None:
        remedy = "add root_device: /dev/xvda, or whatever `aws ec2 describe-images` calls its RootDeviceName: that disk is then encrypted"
        yield (*here, "image"), image, "does not say where its own disk is", remedy
    if image in NAMED and device is not None:
        yield (*here, "root_device"), device, f"is known of {image}", "leave it out"


_MOVES = (
    "is whatever is newest at each deploy: one after a newer was published replaces the node; `understudy pin` keeps it until you move it"
)
_INSTALLS = (
    "has Python 3.9: each new machine first installs {} from Amazon's repository, which lies in S3 and is reached by the network's "
    "free endpoint, without egress"
)
_MOUNTS = "installs amazon-efs-utils on each new machine, from Amazon's repository in S3, without egress"
_MOUNTS_EXPECTED = "must have amazon-efs-utils, which mounts its state"
_EXPECTED = "must have systemd, cloud-init and Python 3.11 or newer: nothing is installed at boot"


def image_moves(assembly: Assembly, pins: tuple[Pin, ...]) -> str | None:
    """What a deploy may do, said beforehand, where the image is whatever is newest."""
    return None if pins or assembly.image.startswith(AMI_PREFIX) else f"{assembly.name}: image {assembly.image} {_MOVES}"


def image_needs(assembly: Assembly) -> str | None:
    """What the image is missing for the agent, or must have."""
    named = NAMED.get(assembly.image)
    if named is not None and named.python_package is None:
        return None
    text = _EXPECTED if named is None else _INSTALLS.format(named.python_package)
    return f"{assembly.name}: image {assembly.image} {text}"


def image_notes(deployable: Deployable) -> Iterator[str]:
    """What a person should know of the images that were chosen, before anything is deployed."""
    for assembly in deployable.assemblies:
        yield from filter(None, (image_needs(assembly), _helper_needs(assembly), image_moves(assembly, deployable.pins)))


def _helper_needs(assembly: Assembly) -> str | None:
    """What mounting EFS takes of the image."""
    if assembly.state.keep is not Keep.EFS:
        return None
    return f"{assembly.name}: image {assembly.image} {_MOUNTS if assembly.image in NAMED else _MOUNTS_EXPECTED}"
