"""What EC2 announces: people choose the hour, and a node that serves is not touched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.model import Verdict
from core.recovery.incident import State
from core.recovery.steps import Leave, Tell
from core.report.notices import notice
from core.watching.wakes import BadEvent, recovery_wakes
from tests.core.recovery_story import NOW, OLD, fresh, frozen_view, healthy_view, recorded, step

RETIRED = "AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED from Sat, 05 Dec 2026 15:10:09 GMT"


def test_what_ec2_announces_is_recorded_and_told_and_nobody_is_killed() -> None:
    view = healthy_view(announced=RETIRED, fresh={OLD: fresh(Verdict.HEALTHY)})
    ended = recorded(replace(view, incident=recorded(view)))

    assert (ended.state, ended.escalated_to) == (State.SUPPRESSED, "person")
    assert RETIRED in ended.reason
    said = step(replace(view, incident=ended))
    assert isinstance(said, Tell)
    assert "understudy replace" in notice(ended, said.what, said.reason)[1].split("Why:")[0], "it is what to do"


def test_a_volume_in_trouble_is_told_by_its_name_and_the_node_that_serves_is_not_touched() -> None:
    view = healthy_view(announced="vol-1 was deleted", fresh={OLD: fresh(Verdict.HEALTHY)})
    ended = recorded(replace(view, incident=recorded(view)))

    assert (ended.state, ended.escalated_to) == (State.SUPPRESSED, "person")
    assert ended.reason == f"the volume vol-1 was deleted; {OLD} keeps its state there"


def test_the_same_announcement_told_again_is_no_news_and_another_one_is() -> None:
    view = healthy_view(announced=RETIRED, fresh={OLD: fresh(Verdict.HEALTHY)})
    ended = replace(recorded(replace(view, incident=recorded(view))), told=("end",), ended_ms=NOW - 86_400_000)

    assert isinstance(step(replace(view, incident=ended)), Leave)
    assert recorded(replace(view, incident=ended, announced=RETIRED.replace("05", "06"))).state is State.SUSPECTED


def test_a_node_that_fails_meanwhile_is_replaced_for_that() -> None:
    view = frozen_view(announced=RETIRED, fresh={OLD: fresh(Verdict.FAILING)})

    assert recorded(replace(view, incident=recorded(view))).state is State.CONFIRMED


def test_each_instance_that_an_event_names_is_meant_and_nothing_else() -> None:
    detail = {"eventTypeCode": "AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED", "startTime": "Sat, 05 Dec 2026 15:10:09 GMT"}
    entities = [{"entityValue": OLD}, {"entityValue": "vol-1"}, {"entityValue": "i-0bbb"}]
    event = {"source": "aws.health", "detail-type": "AWS Health Event", "detail": {**detail, "affectedEntities": entities}}

    assert [(wake.instance, wake.announced) for wake in recovery_wakes(event)] == [(OLD, RETIRED), ("i-0bbb", RETIRED)]
    with pytest.raises(BadEvent, match="affectedEntities"):
        recovery_wakes({**event, "detail": detail})
