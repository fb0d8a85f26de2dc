"""What survives a restart of the agent: the permit that was given up, on the node's own disk."""

from __future__ import annotations

import json
import os
from pathlib import Path

VERSION = 1
FILE = "given-up.json"


class BadState(ValueError):
    """A state file that cannot be read: names the file and what is wrong."""


def read_given_up(folder: Path, instance: str) -> int:
    """Highest epoch given up by this instance; 0 for none. Makes the folder. What another instance left (a copied image) is not ours.

    Raises BadState: starting applications that may have been given up is worse than not starting.
    """
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        value = json.loads(path.read_text())
    except FileNotFoundError:
        return 0
    except (OSError, ValueError) as error:
        raise BadState(f"{path}: {error}") from error
    if not isinstance(value, dict) or value.get("version") != VERSION:
        raise BadState(f"{path}: version is not {VERSION}: {str(value)[:100]}")
    epoch = value.get("epoch")
    if not isinstance(epoch, int) or isinstance(epoch, bool) or epoch < 0:
        raise BadState(f"{path}: epoch is {epoch!r}, expected 0 or more")
    return epoch if value.get("instance") == instance else 0


def write_given_up(folder: Path, instance: str, epoch: int) -> None:
    """Write, sync, rename: either the old file is there or the new one. Raises OSError."""
    path, fresh = folder / FILE, folder / f"{FILE}.new"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"version": VERSION, "instance": instance, "epoch": epoch}, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    folder_descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder_descriptor)
    finally:
        os.close(folder_descriptor)
