"""What the node's own disk says of its folder: whose it is; and what applications are told of the last save."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.kept.rules import Mark

MARK_FILE = "kept.json"
SAVED_FILE = "saved.json"
VERSION = 1


def read_mark(folder: Path) -> Mark | None:
    """None where there is none that can be read: then what is saved is restored, unless something runs on the folder."""
    try:
        value = json.loads((folder / MARK_FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    match value:
        case {"version": 1, "instance": str(instance), "epoch": int(epoch)} if not isinstance(epoch, bool):
            return Mark(instance, epoch)
    return None


def write_mark(folder: Path, mark: Mark) -> None:
    """On the disk before it returns. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _put(folder / MARK_FILE, {"version": VERSION, "instance": mark.instance, "epoch": mark.epoch}, mode=0o600, durable=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def tell_saved(path: Path, told: Mapping[str, Any]) -> None:
    """For every program on the node to read: always one whole answer. Raises OSError."""
    _put(path, told, mode=0o644, durable=False)


def _put(path: Path, value: Mapping[str, Any], *, mode: int, durable: bool) -> None:
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        os.fchmod(descriptor, mode)
        os.write(descriptor, json.dumps(value).encode() + b"\n")
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.rename(path)
