"""What a function's answer to a batch means, and how failed stream batches are tried again: pure rules.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence


def failed_items(payload: bytes, identifiers: Sequence[str], *, reports: bool) -> list[str]:
    """Identifiers of the batch that failed, of an answer without function error. reports: ReportBatchItemFailures is on.

    Nothing, null or an empty list means success; an identifier that is null, empty or unknown, or any other
    shape, means that the whole batch failed.
    """
    if not reports:
        return []
    try:
        answer = json.loads(payload or b"null")
    except ValueError:
        return list(identifiers)
    if answer is None or answer == "" or answer == {}:
        return []
    items = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if items is None:
        return [] if isinstance(answer, dict) else list(identifiers)
    if not isinstance(items, list):
        return list(identifiers)
    failed: list[str] = []
    for item in items:
        name = item.get("itemIdentifier") if isinstance(item, dict) else None
        if not name or name not in identifiers:
            return list(identifiers)
        failed.append(name)
    return failed


def checkpoint(failed: Sequence[str], identifiers: Sequence[str]) -> int:
    """Of a stream batch: the index to go on from. The lowest failed record decides, and all after it come again."""
    return min((identifiers.index(name) for name in failed), default=len(identifiers))


def halves(count: int) -> tuple[int, int]:
    """Sizes of the two parts that a failed batch is bisected into."""
    return count // 2, count - count // 2


def retry_wait_s(attempt: int) -> float:
    """Before the attempt-th retry of a stream batch: AWS backs off exponentially and does not say how; 1 s to 60 s here."""
    return float(min(60.0, 2.0 ** max(0, attempt - 1)))
