"""Evidence into the bucket, before anything is killed."""

from __future__ import annotations

import json
from typing import Any

from core import names
from lambdas.adapters.clients import calling, client
from lambdas.adapters.environment import text

TEXT_BYTES_MAX = 131072
BRIEF_S = 3


def keep(deployable: str, assembly: str, instance: str, name: str, content: str | dict[str, Any]) -> str:
    """Gives the key. Overwrites: the same evidence kept twice is kept once."""
    key = names.evidence_key(deployable, assembly, instance, name)
    body = content if isinstance(content, str) else json.dumps(content, indent=1, default=str)
    kind = "text/plain" if isinstance(content, str) else "application/json"
    with calling(f"keep {key}"):
        # Once and briefly: evidence is kept while clients wait, and they wait for nothing else.
        client("s3", once=True, read_timeout_s=BRIEF_S).put_object(
            Bucket=text(names.ENV_BUCKET), Key=key, Body=body.encode("utf-8", "replace")[-TEXT_BYTES_MAX:], ContentType=kind
        )
    return key
