"""The user data of a node: a short script that carries the bootstrap program and its manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core import names

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html: 16 KB before it is encoded.
USER_DATA_BYTES_MAX = 16 * 1024
PROGRAM = Path(__file__).with_name("bootstrap_program.py")

SCRIPT = """\
#!/bin/bash
# Understudy: lays out the agent and the applications, then starts the agent. Running it again changes nothing.
set -euo pipefail
umask 022
install -d -m 0755 {home} {etc}
cat > {home}/bootstrap.py <<'UNDERSTUDY-PROGRAM'
{program}UNDERSTUDY-PROGRAM
cat > {home}/manifest.json <<'UNDERSTUDY-MANIFEST'
{manifest}
UNDERSTUDY-MANIFEST
cat > {etc}/agent.env <<'UNDERSTUDY-ENV'
{environment}
UNDERSTUDY-ENV
python3 {home}/bootstrap.py {home}/manifest.json
install -D -m 0644 {home}/current/agent/agent/{unit} /etc/systemd/system/{unit}
systemctl daemon-reload
systemctl enable --now {unit}
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


def user_data(*, bucket: str, region: str, suffix: str, release: str, items: Sequence[Item], environment: Sequence[tuple[str, str]]) -> str:
    """The script; its arguments may hold tokens, which stand for text that has no quotes in it.

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
    script = SCRIPT.format(
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
