"""State that is kept in the deployable's bucket: who may read and write it, and how long what it replaced stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_iam as iam

from core.kept.manifest import state_prefix
from core.model import Assembly, Deployable
from core.state import FORMER_KEPT_DAYS, Keep
from stacks import permissions as may


def may_keep_state(bucket_arn: str, deployable: Deployable, assembly: Assembly) -> Iterator[iam.PolicyStatement]:
    """Get and put what is its own, and nothing else: no list, no delete, no former versions. A write on condition of an entity
    tag needs both: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""
    if assembly.state.keep is Keep.S3:
        yield may.allow("s3:GetObject", "s3:PutObject", on=[f"{bucket_arn}/{state_prefix(deployable.name, assembly.name)}*"])


def state_rules(deployable: Deployable | None) -> list[dict[str, Any]]:
    """A node may not delete: what is needed no more it overwrites with nothing, and what is empty is taken away here. What was
    there before stays for so many days, so that a mistake can be undone by a person. None: whoever may come to a shared bucket.
    Each as s3.LifecycleRule and Bucket.add_lifecycle_rule take it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-filters.html (size; no other object below has no byte)
    """
    if deployable is not None and all(assembly.state.keep is not Keep.S3 for assembly in deployable.assemblies):
        return []
    former = Duration.days(FORMER_KEPT_DAYS)
    return [
        {"prefix": "state/", "noncurrent_version_expiration": former},
        {"prefix": "state/", "object_size_less_than": 1, "expiration": Duration.days(1)},
        {"prefix": "state/", "expired_object_delete_marker": True},
    ]
