"""A running deployable is updated with the real CDK CLI: a good version, a bad one, one after it, and a new image; in minutes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.played import played

pytestmark = [pytest.mark.lab, pytest.mark.heavy]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return played("updating.py", tmp_path_factory.mktemp("update"))


def test_a_good_version_replaces_the_node_through_the_hooks_and_the_deploy_succeeds(seen: dict[str, dict[str, Any]]) -> None:
    good = seen["good"]

    assert (good["said"], good["status"], good["missing"]) == ("", "UPDATE_COMPLETE", "")
    assert (seen["first"]["serves"], good["serves"]) == ("one", "two")
    assert (good["replaced"], good["epochs"], good["launched"], good["twice"]) == (True, 1, 1, 0)


def test_a_bad_version_rolls_back_by_itself_and_the_former_one_serves_again(seen: dict[str, dict[str, Any]]) -> None:
    bad = seen["bad"]

    assert (bad["status"], bad["missing"], bad["serves"], bad["twice"]) == ("UPDATE_ROLLBACK_COMPLETE", "", "two", 0)
    assert "cdk deploy failed" in bad["said"]
    assert any(why.startswith("Received FAILURE signal with UniqueId i-") for why in bad["why"])


def test_after_a_rollback_the_next_version_goes_in(seen: dict[str, dict[str, Any]]) -> None:
    after = seen["after"]

    assert (after["said"], after["status"], after["missing"], after["serves"]) == ("", "UPDATE_COMPLETE", "", "four")


def test_a_new_image_replaces_the_node_through_the_same_hooks_and_the_same_version_serves_on_it(seen: dict[str, dict[str, Any]]) -> None:
    after, image = seen["after"], seen["image"]

    assert (image["said"], image["status"], image["missing"], image["serves"]) == ("", "UPDATE_COMPLETE", "", "four")
    assert (image["replaced"], image["epochs"], image["launched"], image["twice"]) == (True, 1, 1, 0)
    assert image["booted"] != after["booted"]
