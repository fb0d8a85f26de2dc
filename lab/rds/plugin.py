"""AWSAuthenticationPlugin for the lab's MariaDB: built where the lab runs, for a plugin is a library that the server loads.

RDS brings one of Amazon's. https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from lab.rds.server import LIMIT_S, Asked, Failed, NoServer

_SOURCE = Path(__file__).with_name("iam_plugin.c")
_FOLDER, _LIBRARY = "plugins", "iam_plugin.so"


def compiler() -> str:
    """Raises NoServer."""
    found = shutil.which("cc")
    if found is None:
        raise NoServer(
            "tokens of IAM are asked about by a plugin of MariaDB's, and there is no C compiler (Debian: apt install gcc libc6-dev)"
        )
    return found


def build(folder: Path) -> None:
    """Into a server's folder; a quarter of a second. Raises NoServer, Failed."""
    (folder / _FOLDER).mkdir()
    argv = [compiler(), "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", str(folder / _FOLDER / _LIBRARY), str(_SOURCE)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S)
    if done.returncode != 0:
        raise Failed(f"{_SOURCE.name} was not built: {done.stderr[-600:]}")


def settings(folder: Path) -> Mapping[str, str]:
    """What a server's my.cnf needs to load it."""
    return {"plugin_dir": str(folder / _FOLDER), "plugin_load_add": _LIBRARY}


def environment(asks: Asked | None) -> Mapping[str, str]:
    """Of the server's process: where the plugin asks."""
    return {**os.environ, "LAB_IAM": f"{asks.address}:{asks.port}:{asks.instance}"} if asks is not None else os.environ
