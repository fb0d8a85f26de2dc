"""The user data of a node: a short script that carries the bootstrap program and its manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core import names
from core.images import NAMED

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html: 16 KB before it is encoded.
USER_DATA_BYTES_MAX = 16 * 1024
PROGRAM = Path(__file__).with_name("bootstrap_program.py")

SCRIPT = """\
#!/bin/bash
# Understudy: lays out the agent and the applications, then starts the agent. Running it again changes nothing.
set -euo pipefail
umask 022
{find_helper}{find_python}install -d -m 0755 {home} {etc}
cat > {home}/bootstrap.py <<'UNDERSTUDY-PROGRAM'
{program}UNDERSTUDY-PROGRAM
cat > {home}/manifest.json <<'UNDERSTUDY-MANIFEST'
{manifest}
UNDERSTUDY-MANIFEST
cat > {etc}/agent.env <<'UNDERSTUDY-ENV'
{environment}
UNDERSTUDY-ENV
{python} {home}/bootstrap.py {home}/manifest.json
install -D -m 0644 {home}/current/agent/agent/{unit} /etc/systemd/system/{unit}
{use_python}systemctl daemon-reload
systemctl enable --now {unit}
"""

# Where python3 itself may be older than the agent needs. It stays what it is: the system's own programs run on it.
# https://docs.aws.amazon.com/linux/al2023/ug/python.html ("Do not change what the /usr/bin/python3 symlink points to")
FIND_PYTHON = """\
find_python() {{
  for python in python3 python3.11 python3.12 python3.13 python3.14; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then return 0; fi
  done
  return 1
}}
find_python || {install}{{ echo 'understudy: this image has no Python 3.11 or newer' >&2; exit 1; }}
python=$(command -v "$python")
"""
# Of the named images Amazon's own alone can install it (spec.state), from its repository in S3.
# https://docs.aws.amazon.com/efs/latest/ug/installing-amazon-efs-utils.html
FIND_HELPER = """\
PATH=$PATH:/sbin:/usr/sbin command -v mount.efs > /dev/null || dnf -y -q install amazon-efs-utils
"""
USE_PYTHON = """\
sed -i "s|=/usr/bin/python3 |=$python |" /etc/systemd/system/{unit}
sed -i "1s|-S python3 -s|-S $python -s|" {home}/current/agent/agent/scripts/{{monitor,online,offline,clean}}
"""


@dataclass(frozen=True, slots=True)
class Item:
    """An object in the assets bucket and its place on the node; kind is 'zip' (unpacked) or 'file'; size in bytes."""

    key: str
    sha256: str
    size: int
    kind: str
    to: str


def release_of(sha256s: Sequence[str]) -> str:
    """Name of the folder that holds one version of the agent with its settings."""
    return hashlib.sha256(" ".join(sha256s).encode()).hexdigest()[:16]


def user_data(
    *,
    image: str,
    bucket: str,
    region: str,
    suffix: str,
    release: str,
    items: Sequence[Item],
    environment: Sequence[tuple[str, str]],
    mounts_files: bool = False,
) -> str:
    """The script; its arguments may hold tokens, which stand for text that has no quotes in it. mounts_files: of EFS.

    Raises ValueError when it would not fit in an instance's user data, tokens not counted.
    """
    manifest = {
        "home": names.NODE_HOME,
        "release": release,
        "bucket": bucket,
        "region": region,
        "suffix": suffix,
        "items": [{"key": i.key, "sha256": i.sha256, "size": i.size, "kind": i.kind, "to": i.to} for i in items],
    }
    python, find_python, use_python = _python_of(image)
    script = SCRIPT.format(
        find_helper=FIND_HELPER if mounts_files and image in NAMED else "",
        find_python=find_python,
        python=python,
        use_python=use_python,
        home=names.NODE_HOME,
        etc=names.NODE_ETC,
        unit=names.NODE_UNIT,
        program=PROGRAM.read_text(),
        manifest=json.dumps(manifest, indent=1),
        environment="\n".join(f"{key}={value}" for key, value in environment),
    )
    if len(script.encode()) > USER_DATA_BYTES_MAX - 1024:  # 1 KB for what the tokens become
        raise ValueError(f"user data takes {len(script.encode())} bytes of {USER_DATA_BYTES_MAX}: use fewer artifacts in one assembly")
    return script


def _python_of(image: str) -> tuple[str, str, str]:
    """What to run the bootstrap with, what finds it first, and what tells the agent's unit and scripts of it."""
    named = NAMED.get(image)
    if named is not None and named.python_package is None:
        return "python3", "", ""
    install = f"{{ dnf -y -q install {named.python_package} && find_python; }} || " if named is not None else ""
    use = USE_PYTHON.format(home=names.NODE_HOME, unit=names.NODE_UNIT)
    return '"$python"', FIND_PYTHON.format(install=install), use
