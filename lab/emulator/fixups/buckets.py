"""S3: moto judges bucket policies without their conditions; judging is lab.policy's."""

from __future__ import annotations

from typing import Any

from moto.s3.models import FakeBucket


def install() -> None:
    FakeBucket.get_permission = _no_opinion


def _no_opinion(self: FakeBucket, action: str, resource: str) -> Any:
    """moto ignores Condition, so that "deny unless TLS" would deny everything (403 on an upload)."""
    return None
