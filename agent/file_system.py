"""A folder on EFS, mounted by the image's own mount helper: TLS, the node's role as its credentials, an access point as its root.

https://docs.aws.amazon.com/efs/latest/ug/efs-mount-helper.html and https://docs.aws.amazon.com/efs/latest/ug/mounting-IAM-option.html
"""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Callable
from pathlib import Path

from agent.volume import NotMounted, is_mounted, run

HELPER = "mount.efs"
HELPERS_IN = "/sbin:/usr/sbin"
# The helper looks the name up, starts its own end of the TLS connection and asks the kernel to mount: seconds where all is well.
MOUNT_S = 60.0


class NotReached(OSError):
    """It cannot be mounted at this moment: no way to it, or the role is not let in (yet)."""


def open_file_system(which: str, path: str, *, user: str | None, say: Callable[[str], None]) -> str:
    """Mount it at the folder unless it is; what was done, in words. which: FILE-SYSTEM:ACCESS-POINT.

    user: whose its root is, as long as nothing is kept in it. Raises NotMounted (waiting will not help), OSError (NotReached), LookupError.
    """
    if is_mounted(path):
        return "it was mounted already"
    if shutil.which(HELPER, path=HELPERS_IN) is None:
        raise NotMounted(f"this image has no {HELPER}: it needs amazon-efs-utils")
    file_system, _, access_point = which.partition(":")
    place = Path(path)
    place.mkdir(parents=True, exist_ok=True, mode=0o755)
    say(f"mounting {file_system}")
    try:
        run(["mount", "-t", "efs", "-o", f"tls,iam,accesspoint={access_point},nodev,nosuid", f"{file_system}:/", path], MOUNT_S)
    except NotMounted as error:
        raise NotReached(f"{file_system} cannot be mounted: {error}") from error
    if os.listdir(place):
        return "it was mounted as it was left"
    place.chmod(0o750)
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(place, account.pw_uid, account.pw_gid)
    return "it was mounted, and is empty"
