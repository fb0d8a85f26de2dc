"""What libraries complain of stands in the log like everything else: a line of JSON, and bounded."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from agent.log import LINE_CHARS_MAX, FromLibraries, Log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    log = Log(stream)
    handler = FromLibraries(log)
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    text = stream.getvalue()
    assert all(len(line) <= LINE_CHARS_MAX for line in text.splitlines())
    return [json.loads(line) for line in text.splitlines()]


async def said(stream: io.StringIO) -> None:
    async with asyncio.timeout(30):
        while not stream.getvalue().endswith("\n"):
            await asyncio.sleep(0.01)


def test_a_fault_in_a_callback_is_one_line_with_the_place_where_it_was_raised(stream: io.StringIO) -> None:
    def deep(depth: int) -> None:
        if depth:
            deep(depth - 1)
        raise RuntimeError("x" * 10_000 if depth else "the very end")

    async def run() -> None:
        asyncio.get_running_loop().call_soon(deep, 50)
        await said(stream)

    asyncio.run(run())
    (line,) = lines(stream)
    assert (line["event"], line["by"]) == ("library", "asyncio")
    assert line["reason"].startswith("Exception in callback ")
    assert line["traceback"].endswith("RuntimeError: the very end")


def test_what_is_said_at_length_is_cut_and_what_is_no_trouble_is_not_said(stream: io.StringIO) -> None:
    logging.getLogger("botocore").info("nothing")
    logging.getLogger("botocore").warning("%s", "long\n" * 10_000)

    asyncio.run(said(stream))
    (line,) = lines(stream)
    assert line["by"] == "botocore"
    assert line["reason"].startswith("long\nlong")
