"""Every event in the shape that AWS documents, before every function: what is not its own it refuses or leaves alone."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from core import names
from core.model import Verdict
from core.report.history import BadEvent as NoHistory
from core.watching.wakes import BadEvent
from lambdas import admit_node, move_front, probe_nodes, record_event, recover_assembly, retire_node
from lambdas.adapters import environment, table
from lambdas.adapters.clients import WorldFailed
from tests.lambdas.conftest import EVENTS

EC2 = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/"
GROUPS = "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html"
RDS = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-cloud-watch-events.html"
SQS = "https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"
STREAM = "https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"
PAGES = {
    "alarm_action": "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html",
    "alarm_state_change": "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html",
    "database_failover": RDS,
    "database_restarted": RDS,
    "group_launch_failed": GROUPS,
    "group_terminated": GROUPS,
    "instance_launch_hook": GROUPS,
    "instance_running": f"{EC2}monitoring-instance-state-changes.html",
    "instance_terminate_hook": GROUPS,
    "instance_terminated": f"{EC2}monitoring-instance-state-changes.html",
    "machine_recovered": "https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html",
    "own_message": SQS,
    "schedule": "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html",
    "scheduled_maintenance": "https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html",
    "spot_interruption": f"{EC2}spot-instance-termination-notices.html",
    "spot_rebalance": f"{EC2}rebalance-recommendations.html",
    "stream_report": STREAM,
    "stream_request": STREAM,
    "sweep_batch": SQS,
    "volume_attach_failed": "https://docs.aws.amazon.com/ebs/latest/userguide/ebs-cloud-watch-events.html",
    "volume_detached": "https://docs.aws.amazon.com/ebs/latest/userguide/ebs-cloud-watch-events.html",
    "volume_lost": "https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html",
}
STRANGER = "i-0feedfacefeedface"  # an instance of somebody else's, in the same account
Handler = Callable[[Mapping[str, Any], Any], Any]


def told(name: str, instance: str = STRANGER) -> dict[str, Any]:
    """The event as recorded, about another instance."""
    return dict(json.loads((EVENTS / f"{name}.json").read_text().replace("i-1234567890abcdef0", instance)))


def world(cloud: Any) -> dict[str, Any]:
    """All that a function could have changed."""
    machines = {i: cloud.state(i) for i in cloud.members()}
    items = cloud.client("dynamodb").scan(TableName="state")["Items"]
    return {
        "machines": machines, "items": items, "woken": list(cloud.woken), "asked": list(cloud.asked), "hooks": list(cloud.hooks),
        "sent": list(cloud.sent), "front": cloud.front_holder(), "evidence": cloud.evidence(), "told": cloud.messages("people"),
    }  # fmt: skip


def test_every_recorded_event_names_the_page_that_it_comes_from() -> None:
    assert {path.stem for path in EVENTS.glob("*.json")} == set(PAGES)
    assert all(page.startswith("https://docs.aws.amazon.com/") for page in PAGES.values())


@pytest.mark.parametrize(
    ("handler", "own", "refuses"),
    [
        pytest.param(probe_nodes.handler, {"sweep_batch"}, (), id="probe_nodes"),
        # What names our assembly, or an instance in our group, is its own; an instance that is nobody's of ours is not.
        pytest.param(recover_assembly.handler, {"alarm_action", "own_message", "stream_request"}, (), id="recover_assembly"),
        pytest.param(admit_node.handler, {"instance_launch_hook", "instance_terminate_hook"}, (), id="admit_node"),
        pytest.param(retire_node.handler, {"instance_launch_hook", "instance_terminate_hook"}, (), id="retire_node"),
        pytest.param(move_front.handler, set(), (BadEvent,), id="move_front"),
        pytest.param(record_event.handler, {"database_failover"}, (NoHistory,), id="record_event"),
    ],
)
def test_what_is_not_its_own_changes_nothing(
    cloud: Any, monkeypatch: pytest.MonkeyPatch, handler: Handler, own: set[str], refuses: tuple[type[Exception], ...]
) -> None:
    (node,) = cloud.members()
    cloud.permit(node)
    cloud.report(node)
    monkeypatch.setenv(names.ENV_DATABASES, json.dumps({"understudy-ledger": "ledger"}))
    environment.databases.cache_clear()
    before = world(cloud)

    for name in sorted(set(PAGES) - own):
        with contextlib.suppress(*refuses):
            handler(told(name), cloud.context())
        assert world(cloud) == before, name


@pytest.mark.parametrize("hook", ["instance_launch_hook", "instance_terminate_hook"])
@pytest.mark.parametrize("handler", [admit_node.handler, retire_node.handler])
def test_a_hook_of_somebody_elses_group_is_left_alone(cloud: Any, handler: Handler, hook: str) -> None:
    event = told(hook)
    for metadata in ("understudy/other/counter", "theirs", ""):
        event["detail"]["NotificationMetadata"] = metadata

        assert handler(event, cloud.context()) == {"did": "left alone"}
    assert cloud.hooks == []


def test_an_alarm_of_another_metric_or_deployable_is_left_alone(cloud: Any) -> None:
    event = told("alarm_action")
    metric = event["alarmData"]["configuration"]["metrics"][0]["metricStat"]["metric"]
    for dimensions in ({"Deployable": "other", "Assembly": "counter"}, {"InstanceId": "i-1"}, {}):
        metric["dimensions"] = dimensions

        assert recover_assembly.handler(event, cloud.context()) == {"batchItemFailures": []}
    assert cloud.incident() is None


def test_a_machine_that_is_gone_is_found_by_the_permit_whichever_event_tells_of_it(cloud: Any) -> None:
    (node,) = cloud.members()
    cloud.permit(node)
    cloud.report(node)
    cloud.client("ec2").terminate_instances(InstanceIds=[node])

    recover_assembly.handler(told("instance_terminated", node), cloud.context(seconds=8.5))

    found = cloud.incident()
    assert found is not None
    assert (found.instance, found.woken_by) == (node, "ec2")


def test_an_event_that_only_says_that_something_may_come_opens_no_incident(cloud: Any) -> None:
    (node,) = cloud.members()
    cloud.permit(node)
    cloud.report(node)
    cloud.looks(node, [])

    for name in ("instance_running", "spot_rebalance", "group_launch_failed", "alarm_state_change"):
        recover_assembly.handler(told(name, node), cloud.context())

    assert cloud.incident() is None


def test_maintenance_that_ec2_announces_is_told_to_people_once_and_touches_nobody(cloud: Any) -> None:
    (node,) = cloud.members()
    cloud.permit(node)
    cloud.report(node)
    cloud.looks(node, [Verdict.HEALTHY] * 4)
    event = json.loads(json.dumps(told("scheduled_maintenance", node)).replace("i-1234567890abcdef0", node))

    for request in ("r-1", "r-2"):
        recover_assembly.handler(event, cloud.context(60, request))

    (incident,) = cloud.ended()
    assert (incident.woken_by, incident.escalated_to) == ("health", "person")
    assert "AWS_EC2_INSTANCE_REBOOT_MAINTENANCE_SCHEDULED from Sat, 05 Dec 2026 15:10:09 GMT" in incident.reason
    assert cloud.state(node) == "running"
    assert len(cloud.messages("people")) == 1


def test_of_a_batch_of_sweeps_the_bad_one_is_dropped_and_the_good_one_made(cloud: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Trying text that is not JSON again would not make it better: it is not given back."""
    event = told("sweep_batch")

    assert probe_nodes.handler(event, cloud.context()) == {"batchItemFailures": []}
    assert '"Sweeps":1' in capsys.readouterr().out


def test_of_a_batch_of_sweeps_each_that_failed_is_given_back_by_its_own_id(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    event = told("sweep_batch")
    event["Records"][1]["body"] = event["Records"][0]["body"]
    event["Records"].append({**event["Records"][0], "messageId": "late", "body": '{"sweep":{"due_ms":0}}'})
    monkeypatch.setenv(names.ENV_TABLE, "elsewhere")

    failed = probe_nodes.handler(event, cloud.context())["batchItemFailures"]

    assert [each["itemIdentifier"] for each in failed] == [record["messageId"] for record in event["Records"][:2]]


def test_of_a_batch_of_requests_one_that_cannot_be_read_hides_no_other(cloud: Any) -> None:
    (node,) = cloud.members()
    cloud.permit(node)
    cloud.report(node, verdict=Verdict.FAILING)
    good = told("stream_request", node)["Records"][0]
    cloud.client("dynamodb").put_item(TableName="state", Item={**good["dynamodb"]["NewImage"], "expires_at": {"N": "4102444800"}})
    bad = json.loads(json.dumps(good).replace("NODE#demo#counter", "NODE#demo"))
    report = told("stream_report", node)["Records"][0]

    assert recover_assembly.handler({"Records": [bad, report, good]}, cloud.context(seconds=8.5)) == {"batchItemFailures": []}

    found = cloud.incident()
    assert found is not None
    assert found.woken_by == "node's request"


def test_of_a_batch_of_requests_those_that_failed_are_given_back_by_their_sequence_number(
    cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html"""
    first = told("stream_request")["Records"][0]
    second = {**first, "dynamodb": {**first["dynamodb"], "SequenceNumber": "4421584500000000017450439093"}}

    def fail(*_: Any) -> None:
        raise WorldFailed("read the permit", "InternalServerError", "not now")

    monkeypatch.setattr(table, "permit", fail)
    monkeypatch.setattr("lambdas.adapters.patience.Patience.trouble", lambda _self, error: (_ for _ in ()).throw(error))

    failed = recover_assembly.handler({"Records": [first, second]}, cloud.context())["batchItemFailures"]

    assert [each["itemIdentifier"] for each in failed] == [r["dynamodb"]["SequenceNumber"] for r in (first, second)]
