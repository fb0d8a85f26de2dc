"""Looks at an artifact where it lies: it must be there, and of a size that can be published."""

from __future__ import annotations

import os
from pathlib import Path

from spec.values import wrong

FILES_MAX = 10_000
BYTES_MAX = 500 * 1024 * 1024  # fetched by a node at boot, inside its start grace


def check_artifact(artifact: str, context: object) -> None:
    """Raises an error of ours. context: the deployable file's folder, a Path; None leaves the disk alone."""
    if not isinstance(context, Path):
        return
    if Path(artifact).is_absolute():
        raise wrong("is an absolute path", "name it relative to this file, so that it is the same on every machine")
    path = context / artifact
    try:
        if path.is_dir():
            _check_folder(path)
        elif not path.is_file():
            raise wrong("is not there", f"put a folder or a file at {path}")
        elif path.stat().st_size > BYTES_MAX:
            raise wrong(f"is {path.stat().st_size} bytes", f"keep it under {BYTES_MAX} bytes, or bake it into the image")
    except OSError as error:
        raise wrong(f"cannot be read: {error.strerror}", f"make {path} readable") from error


def _check_folder(folder: Path) -> None:
    root = folder.resolve()
    files = size = 0
    for where, folders, names in os.walk(root):
        for name in (*folders, *names):
            path = Path(where, name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise wrong(f"holds {path.relative_to(root)}, a link that leads out of it", "copy what it points to into the folder")
            files += 1
            size += path.lstat().st_size
            if files > FILES_MAX or size > BYTES_MAX:
                raise wrong(f"holds more than {FILES_MAX} files or {BYTES_MAX} bytes", "publish only what the application needs")
    if files == 0:
        raise wrong("is an empty folder", "put the application's files there")
