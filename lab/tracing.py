"""The tracing header, which carries how often each function ran for one event.

Lambda finds recursive loops by it (https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html): AWS's SDKs
pass on what a function was invoked with, SQS keeps it with the message
(https://docs.aws.amazon.com/xray/latest/devguide/xray-services-sqs.html), SNS and Lambda hand it to the next function.
DynamoDB, EventBridge and alarms do not, so a chain ends with them. The counts stand in its field `Lineage` as
`FUNCTION:COUNT|...`; AWS shows that form and promises none.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar

CHAIN_MAX = 16  # invocations of one function in one chain; AWS says "approximately"
_LINEAGE = "Lineage"
_carried: ContextVar[str] = ContextVar("tracing_header", default="")


class RecursiveLoop(Exception):
    """RecursiveInvocationException of Lambda's API: one event has invoked the function often enough."""


def current() -> str:
    """The header of the call that this thread serves; empty when it had none."""
    return _carried.get()


@contextlib.contextmanager
def carrying(header: str) -> Iterator[None]:
    """What this thread sends while the block runs belongs to that header's chain."""
    token = _carried.set(header)
    try:
        yield
    finally:
        _carried.reset(token)


def count(header: str, function_arn: str) -> int:
    """How often the function was invoked in the chain so far."""
    return _counts(header).get(_mark(function_arn), 0)


def counted(header: str, function_arn: str, *, trace_id: str) -> str:
    """The header that one more invocation of the function runs with. trace_id: of a chain that begins here."""
    counts = _counts(header)
    mark = _mark(function_arn)
    return _written(_root(header) or trace_id, {**counts, mark: counts.get(mark, 0) + 1})


def of_batch(headers: Iterable[str]) -> str:
    """One header for several: of each function the highest count. AWS does not say what it does with several chains."""
    root = ""
    highest: dict[str, int] = {}
    for header in headers:
        root = root or _root(header)
        for mark, number in _counts(header).items():
            highest[mark] = max(number, highest.get(mark, 0))
    return _written(root, highest) if root else ""


def _mark(function_arn: str) -> str:
    return hashlib.sha256(function_arn.encode()).hexdigest()[:8]


def _written(root: str, counts: Mapping[str, int]) -> str:
    return f"Root={root};Sampled=0;{_LINEAGE}=" + "|".join(f"{mark}:{number}" for mark, number in counts.items())


def _fields(header: str) -> dict[str, str]:
    return dict(field.strip().split("=", 1) for field in header.split(";") if "=" in field)


def _root(header: str) -> str:
    return _fields(header).get("Root", "")


def _counts(header: str) -> dict[str, int]:
    """Anybody may send a header: what is not ours counts nothing."""
    pairs = (part.rpartition(":") for part in _fields(header).get(_LINEAGE, "").split("|"))
    return {mark: int(number) for mark, _, number in pairs if mark and number.isdecimal()}
