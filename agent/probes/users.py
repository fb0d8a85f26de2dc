"""Whom a command runs as: a user's name turned into ids."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunAs:
    """None: as the agent itself."""

    user: int | None = None
    group: int | None = None
    groups: tuple[int, ...] | None = None


def run_as(name: str | None) -> RunAs:
    """Blocks, for as long as the machine's directory service does. Raises KeyError: no such user."""
    if name is None:
        return RunAs()
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise LookupError(f"there is no user {name!r}") from None
    if user.pw_uid == os.geteuid():
        return RunAs()
    return RunAs(user.pw_uid, user.pw_gid, tuple(os.getgrouplist(name, user.pw_gid)))
