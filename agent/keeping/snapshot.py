"""The snapshot command: a program of the application's that makes a consistent copy to be saved in the folder's place."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.keeping.restoring import beside
from agent.probes.child import Child
from agent.probes.users import run_as

SNAPSHOT_S_MAX = 60.0


class NoSnapshot(Exception):
    """It was not made: says why."""


def snapshot_folder(path: Path) -> Path:
    """Beside the folder, kept from one time to the next, so that the command need copy only what is new."""
    return beside(path, "snapshot")


async def make_snapshot(command: Sequence[str], path: Path, environment: Mapping[str, str], *, within_s: float = SNAPSHOT_S_MAX) -> Path:
    """Run it to its end, as root; the folder that it filled. Its whole group is killed with it. Raises NoSnapshot."""
    folder = snapshot_folder(path)
    told = {"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), "LANG": "C.UTF-8", **environment}
    told |= {"UNDERSTUDY_STATE_PATH": str(path), "UNDERSTUDY_SNAPSHOT": str(folder)}
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        child = Child(command, environment=told, directory=str(path), run_as=run_as(None))
    except (OSError, LookupError, ValueError) as error:
        raise NoSnapshot(f"the snapshot command cannot be run: {error}") from error
    try:
        async with asyncio.timeout(within_s):
            status = await child.ended
    except TimeoutError as error:
        raise NoSnapshot(f"the snapshot command was not done after {within_s:g} s") from error
    finally:
        child.kill()
    if status != 0 or child.in_vain:
        raise NoSnapshot(f"the snapshot command ended with {status}: {child.first_line()}")
    return folder
