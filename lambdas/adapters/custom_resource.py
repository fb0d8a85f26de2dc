"""Answering CloudFormation, which waits for a function of a template's own.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from lambdas.adapters import clock
from lambdas.adapters.clients import WorldFailed

REASON_CHARS_MAX = 1000  # the whole answer may have 4096 bytes
TRIES, TIMEOUT_S, PAUSE_S = 3, 5.0, 1.0


def answer(event: Mapping[str, Any], *, id_: str, failed: str | None = None) -> None:
    """SUCCESS, or FAILED with why, which people see among the stack's events. Raises WorldFailed when the answer was not taken."""
    body = {
        "Status": "SUCCESS" if failed is None else "FAILED",
        "Reason": (failed or "")[:REASON_CHARS_MAX],
        "PhysicalResourceId": id_,
        **{key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")},
    }
    url = str(event["ResponseURL"])
    if not url.startswith(("https://", "http://")):
        raise WorldFailed("answer CloudFormation", "BadAddress", "the event's ResponseURL is no address of the web")
    # An empty content type, for the address was signed for one: Python would put its own.
    request = urllib.request.Request(url, data=json.dumps(body).encode(), method="PUT", headers={"Content-Type": ""})  # noqa: S310 - looked at
    for left in reversed(range(TRIES)):
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310 - looked at above
                return
        except OSError as error:  # URLError and HTTPError among them
            if not left:
                # The address is as good as a key: it is not told.
                code = error.code if isinstance(error, urllib.error.HTTPError) else type(error).__name__
                raise WorldFailed("answer CloudFormation", str(code), "it did not take the answer") from None
            clock.sleep(PAUSE_S)
