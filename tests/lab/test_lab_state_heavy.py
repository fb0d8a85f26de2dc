"""State on S3 in the lab: the real template, real machines, and three of them lost one after the other; in some three minutes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.played import played

pytestmark = [pytest.mark.lab, pytest.mark.heavy]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return played("keeping.py", tmp_path_factory.mktemp("state"))


def test_another_machine_goes_on_from_what_was_safe_when_the_first_was_lost(seen: dict[str, Any]) -> None:
    assert len(seen["lost"]) == 3
    for one in seen["lost"]:
        assert one["other_machine"]
        assert one["safe"] <= one["found"] <= one["counted"]


def test_who_wrote_before_the_machine_was_lost_is_refused_after_it(seen: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""
    assert [(one["late_writer"], one["epoch_passed"]) for one in seen["lost"]] == [("PreconditionFailed", 1)] * 3


def test_a_node_that_is_retired_saves_last_so_that_nothing_at_all_is_lost(seen: dict[str, Any]) -> None:
    assert seen["clean"]["saved"] < seen["clean"]["counted"] == seen["clean"]["found"]
