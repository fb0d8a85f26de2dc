"""The token that whoever breaks things over HTTP must show: a file in the lab's folder, readable by its owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

TOKEN_FILE = "control-token"  # noqa: S105 - a file name


def make_token(lab_dir: Path) -> None:
    """A fresh one."""
    path = lab_dir / TOKEN_FILE
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(24))
