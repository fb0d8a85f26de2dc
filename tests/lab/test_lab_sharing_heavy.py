"""Two deployables on one foundation, by the real CDK CLI: both survive the loss of their machine, and one goes without the other."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.played import played

pytestmark = [pytest.mark.lab, pytest.mark.heavy]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return played("sharing.py", tmp_path_factory.mktemp("sharing"), limit_s=1500.0)


def test_both_stand_on_one_table_and_survive_the_loss_of_their_machine(seen: dict[str, Any]) -> None:
    first, second = seen["tables"]

    assert first == second
    assert (seen["tenant"]["held"], seen["twin"]["held"]) == (True, True)


def test_the_budget_spans_both(seen: dict[str, Any]) -> None:
    assert seen["budget"] == ["tenant", "twin"]


def test_one_goes_with_its_registration_and_the_other_survives_all_the_same(seen: dict[str, Any]) -> None:
    assert "understudy-twin" not in seen["left"]
    assert seen["registered"] == [f"/understudy/shared/deployables/tenant/{kind}" for kind in ("fleet", "fronts")]
    assert seen["after"]["held"] is True
    assert seen["after"]["holder"] != seen["tenant"]["holder"]


def test_the_foundation_cannot_be_deleted_under_them(seen: dict[str, Any]) -> None:
    assert "cannot be deleted while TerminationProtection is enabled" in seen["foundation"]
