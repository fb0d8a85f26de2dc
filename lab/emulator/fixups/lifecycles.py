"""S3: moto forgets the sizes in a lifecycle rule's filter.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRuleAndOperator.html. Nothing expires in the lab.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.s3.models import FakeBucket
from moto.s3.responses import S3Response

_SIZES = ("ObjectSizeGreaterThan", "ObjectSizeLessThan")
_KEPT = "lab_sizes"  # on moto's rule


def install() -> None:
    stored, told = FakeBucket.set_lifecycle, S3Response.get_bucket_lifecycle

    def set_lifecycle(self: FakeBucket, rules: list[dict[str, Any]]) -> None:
        stored(self, rules)
        for made, rule in zip(self.rules, rules, strict=True):
            both = (rule.get("Filter") or {}).get("And") or {}
            setattr(made, _KEPT, {key: int(both[key]) for key in _SIZES if key in both})

    def get_bucket_lifecycle(self: S3Response) -> Any:
        serialized = self.serialized

        def with_sizes(answer: ActionResult) -> Any:
            result: Any = answer.result
            for rule, shown in zip(self.backend.get_bucket_lifecycle(self.bucket_name), result["Rules"], strict=True):
                if getattr(rule, _KEPT, {}):
                    shown["Filter"]["And"] |= getattr(rule, _KEPT)
            return serialized(answer)

        vars(self)["serialized"] = with_sizes  # of this one request's object
        return told(self)

    FakeBucket.set_lifecycle = set_lifecycle
    S3Response.get_bucket_lifecycle = get_bucket_lifecycle
