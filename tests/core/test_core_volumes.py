"""What EBS and AWS Health say of a volume: what is trouble, what is none, and what a person alone can mend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.watching.volumes import EVENTS, SETTLED_S, volume_entry, volume_news
from core.watching.wakes import recovery_wakes

RECORDED = Path(__file__).parents[1] / "events"


def told(name: str, **detail: Any) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((RECORDED / f"volume_{name}.json").read_text())
    event["detail"].update(detail)
    return event


def test_one_that_could_not_be_attached_is_for_people_and_says_why() -> None:
    (news,) = volume_news(told("attach_failed"))

    assert (news.volume, news.kind, news.for_people) == ("vol-01234567", "attachVolume failed", True)
    assert news.words.startswith("vol-01234567 could not be attached: arn:aws:kms:")
    assert news.words.endswith("is disabled.")
    assert news.at_ms == 1_795_296_594_000


@pytest.mark.parametrize(("event", "words"), [("reattachVolume", "could not be attached again"), ("deleteVolume", "was deleted")])
def test_neither_can_a_machine_of_ours_mend_these(event: str, words: str) -> None:
    (news,) = volume_news(told("attach_failed", event=event, cause=""))

    assert (news.words, news.for_people) == (f"vol-01234567 {words}", True)


def test_one_that_was_detached_can_be_attached_again() -> None:
    (news,) = volume_news(told("detached"))

    assert (news.words, news.kind, news.for_people) == ("vol-01234567 was detached", "detachVolume detached", False)


@pytest.mark.parametrize(
    "detail",
    [
        {"result": "attached"},
        {"event": "createVolume"},
        {"event": "createVolume", "result": ""},
        {"event": "modifyVolume", "result": "failed"},
    ],
)
def test_what_went_as_it_should_or_is_nothing_of_a_nodes_is_no_trouble(detail: dict[str, str]) -> None:
    assert volume_news(told("attach_failed", **detail)) == ()


def test_one_that_is_lost_is_for_people_until_aws_says_that_it_is_over() -> None:
    (news,) = volume_news(told("lost"))

    assert (news.kind, news.for_people) == ("AWS_EBS_VOLUME_LOST", True)
    assert news.words == "vol-01234567 is in trouble: AWS Health says AWS_EBS_VOLUME_LOST since Sat, 21 Nov 2026 21:28:10 GMT"
    assert volume_news(told("lost", statusCode="closed")) == ()
    assert volume_news(told("lost", eventTypeCategory="accountNotification")) == ()


def test_an_issue_without_a_time_or_a_name_is_told_as_far_as_it_goes_or_not_at_all() -> None:
    (news,) = volume_news(told("lost", startTime=None))

    assert news.words == "vol-01234567 is in trouble: AWS Health says AWS_EBS_VOLUME_LOST since an unknown time"
    assert volume_news(told("lost", eventTypeCode=None)) == ()
    assert volume_news(told("lost", eventTypeCode="")) == ()
    assert volume_news(told("lost", service="EC2")) == ()


def test_a_volume_that_is_detached_without_a_word_is_detached() -> None:
    (news,) = volume_news(told("detached", result=None, cause=None))

    assert (news.kind, news.words) == ("detachVolume", "vol-01234567 was detached")


def test_what_is_detached_within_a_minute_of_a_permit_is_a_hand_over() -> None:
    assert SETTLED_S == 60


def test_each_volume_is_meant_that_is_named_by_its_id_or_its_arn_and_once() -> None:
    entities = [{"entityValue": value} for value in ("vol-1", "arn:aws:ec2:us-east-1:1:volume/vol-2", "vol-1", "i-1", "UNKNOWN")]

    assert [news.volume for news in volume_news(told("lost", affectedEntities=entities))] == ["vol-1", "vol-2"]


@pytest.mark.parametrize(
    "broken", [{"detail": None}, {"time": "soon"}, {"resources": None}, {"source": "aws.s3"}, {"detail-type": "other"}]
)
def test_what_is_no_such_event_is_no_news(broken: dict[str, Any]) -> None:
    assert volume_news({**told("detached"), **broken}) == ()


@pytest.mark.parametrize("entities", [None, 7, "vol-1", {"entityValue": "vol-1"}, [7, None, {}]])
def test_an_issue_that_names_no_entities_names_no_volume(entities: Any) -> None:
    assert volume_news(told("lost", affectedEntities=entities)) == ()


def test_history_tells_trouble_from_what_is_put_back() -> None:
    (lost,), (away,) = volume_news(told("lost")), volume_news(told("detached"))

    assert volume_entry(lost, deployable="demo", assembly="counter").categories == ("failure",)
    entry = volume_entry(away, deployable="demo", assembly="counter")
    assert (entry.categories, entry.subject, entry.message) == (
        ("availability",),
        "vol-01234567",
        "counter's state: vol-01234567 was detached",
    )


def test_recovery_is_woken_for_the_volume_and_announces_only_what_people_must_see_to() -> None:
    wakes = [wake for name in ("attach_failed", "detached", "lost") for wake in recovery_wakes(told(name))]

    assert [(wake.who, wake.volume, bool(wake.announced)) for wake in wakes] == [
        ("ebs", "vol-01234567", True),
        ("ebs", "vol-01234567", False),
        ("ebs", "vol-01234567", True),
    ]
    assert recovery_wakes(told("attach_failed", result="attached")) == []


def test_the_rule_asks_for_all_that_is_known_here() -> None:
    assert EVENTS == ("attachVolume", "reattachVolume", "detachVolume", "deleteVolume")
