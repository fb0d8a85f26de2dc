"""What survives a restart of the agent, on the node's own disk: the permit that was given up, and what the agent runs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.notes import Notes, notes_from_json, notes_to_json

VERSION = 1
FILE = "given-up.json"
NOTES_FILE = "applications.json"
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
NOTES_BYTES_MAX = 4 << 20  # a hundred applications that fail all the time are some 300 KB


class BadState(ValueError):
    """A state file that cannot be read: names the file and what is wrong."""


def read_given_up(folder: Path, instance: str) -> int:
    """Highest epoch given up by this instance; 0 for none. What another instance left (a copied image) is not ours.

    Makes the folder; where that cannot be done (a full or read-only disk) nothing can have been given up: whoever writes
    next says that it cannot. Raises BadState: starting applications that may have been given up is worse than not starting.
    """
    path = folder / FILE
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError:
        return 0
    except (OSError, ValueError, RecursionError) as error:
        raise BadState(f"{path}: {error}") from error
    if not isinstance(value, dict) or value.get("version") != VERSION:
        raise BadState(f"{path}: version is not {VERSION}: {str(value)[:100]}")
    epoch = value.get("epoch")
    if not isinstance(epoch, int) or isinstance(epoch, bool) or epoch < 0:
        raise BadState(f"{path}: epoch is {epoch!r}, expected 0 or more")
    return epoch if value.get("instance") == instance else 0


def write_given_up(folder: Path, instance: str, epoch: int) -> None:
    """Either the old file is there or the new one. Raises OSError."""
    _write(folder / FILE, {"version": VERSION, "instance": instance, "epoch": epoch}, durable=True)


def read_notes(path: Path, instance: str) -> Notes | None:
    """What a former life of this instance's agent wrote down; None: nothing, or another instance's (a copied image).

    Raises BadState naming the file, the key and the value; OSError other than that it is not there.
    """
    try:
        with path.open("rb") as file:
            text = file.read(NOTES_BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    if len(text) > NOTES_BYTES_MAX:
        raise BadState(f"{path}: longer than {NOTES_BYTES_MAX} bytes")
    try:
        value = json.loads(text)
        if not isinstance(value, dict) or value.get("version") != VERSION:
            raise ValueError(f"version is not {VERSION}: {str(value)[:100]}")
        notes = notes_from_json(value)
    except (ValueError, RecursionError) as error:
        raise BadState(f"{path}: {error}") from error
    return notes if notes.instance == instance else None


def write_notes(path: Path, notes: Notes, *, durable: bool) -> None:
    """Either the old file is there or the new one. durable: also after a power cut, not only after the agent's own end. Raises OSError."""
    _write(path, {"version": VERSION, **notes_to_json(notes)}, durable=durable)


def put_aside(path: Path) -> None:
    """Keep notes that cannot be read for people, out of the way. Raises OSError."""
    path.rename(path.with_name(f"{path.name}.bad"))


def _write(path: Path, value: Mapping[str, Any], *, durable: bool) -> None:
    """Write, sync, rename, sync the folder. Nobody else writes here: one agent a folder."""
    # In plain words and in one piece: an application that is down waits for this.
    name = os.fspath(path)
    fresh = f"{name}.new"
    text = _ENCODER.encode(value).encode()
    try:
        descriptor = os.open(fresh, _FLAGS, 0o600)
    except FileNotFoundError:  # the folder could not be made at the start, or somebody took it away
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(fresh, _FLAGS, 0o600)
    try:
        while text:
            text = text[os.write(descriptor, text) :]
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(fresh, name)
    if not durable:
        return
    folder_descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder_descriptor)
    finally:
        os.close(folder_descriptor)
