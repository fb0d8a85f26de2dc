"""A machine that EC2 mended by itself is in the history, once, and is looked at as after any other event."""

from __future__ import annotations

from typing import Any

from core import names
from core.model import Verdict
from core.report.history import machine_began_ms
from lambdas import recover_assembly
from lambdas.adapters import table


def history() -> list[dict[str, Any]]:
    return table.query(names.history_pk("demo"))


def test_a_machine_that_ec2_recovered_is_in_the_history_of_its_deployable_once_however_often_it_is_told(cloud: Any) -> None:
    (node,) = cloud.members()
    cloud.permit(node)
    cloud.report(node)
    cloud.looks(node, [Verdict.HEALTHY] * 4)

    for _ in range(2):
        recover_assembly.handler(cloud.event("machine_recovered", node), cloud.context())

    (item,) = history()
    assert (item["subject"], item["kind"], item["categories"]) == (node, "AWS_EC2_SIMPLIFIED_AUTO_RECOVERY_SUCCESS", ["recovery"])
    assert item["message"] == f"EC2 recovered {node} of counter"
    assert cloud.incident() is None, "it serves: there is nothing to be done"


def test_a_repair_that_failed_says_so_and_what_else_aws_plans_is_no_repair(cloud: Any) -> None:
    (node,) = cloud.members()
    event = cloud.event("machine_recovered", node)
    event["detail"]["eventTypeCode"] = "AWS_EC2_SIMPLIFIED_AUTO_RECOVERY_FAILURE"
    recover_assembly.handler(event, cloud.context())
    recover_assembly.handler(cloud.event("scheduled_maintenance", node), cloud.context())

    (item,) = history()
    assert (item["categories"], item["message"]) == (["failure"], f"EC2 could not recover {node} of counter")


def test_somebody_elses_machine_is_nothing_to_us(cloud: Any) -> None:
    event = cloud.event("machine_recovered", "i-0feedfacefeedface")
    assert recover_assembly.handler(event, cloud.context()) == {"batchItemFailures": []}

    assert history() == []


def test_it_began_when_ec2_says_where_that_is_a_time_of_theirs(cloud: Any) -> None:
    event = cloud.event("machine_recovered", "i-1")

    assert machine_began_ms(event) == 1_796_483_409_000
    assert machine_began_ms({**event, "detail": {**event["detail"], "startTime": "soon"}}) is None
    assert machine_began_ms({**event, "detail": {}}) is None
