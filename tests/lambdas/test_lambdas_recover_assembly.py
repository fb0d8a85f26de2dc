"""recover_assembly against moto: what wakes it, what it does, and that doing it twice does no harm."""

from __future__ import annotations

from typing import Any

import pytest

from core.items import permit_item, request_item
from core.model import Verdict
from core.records import Permit, Phase, Request
from core.recovery.incident import Cause, State
from lambdas import recover_assembly
from lambdas.adapters import evidence, groups, instances, topic
from lambdas.adapters.clients import WorldFailed


def serving(cloud: Any) -> str:
    """One node that serves under epoch 1, with the front on it."""
    (node,) = cloud.members()
    cloud.permit(node)
    cloud.report(node)
    cloud.looks(node, [Verdict.HEALTHY] * 4)
    cloud.ask("move", {"assembly": {"deployable": "demo", "assembly": "counter"}})
    cloud.asked.clear()
    return str(node)


def admitted_when_old_is_gone(cloud: Any, old: str, epoch: int = 2) -> None:
    """What admit_node and the new node do meanwhile."""

    def play() -> None:
        new = [m for m in cloud.members() if m != old]
        if new and cloud.state(old) == "terminated":
            cloud.permit(new[0], epoch)
            cloud.report(new[0], epoch=epoch)
            cloud.look = Verdict.HEALTHY

    cloud.while_asleep = play


def run(cloud: Any, event: dict[str, Any], seconds: float = 60, request: str = "r-1") -> Any:
    return recover_assembly.handler(event, cloud.context(seconds, request))


def test_a_frozen_node_is_replaced_and_the_story_is_told(cloud: Any) -> None:
    old = serving(cloud)
    cloud.frozen(old)
    admitted_when_old_is_gone(cloud, old)

    run(cloud, cloud.event("alarm_action"))

    (incident,) = cloud.ended()
    new = cloud.members()[0]
    assert incident.state is State.RECOVERED
    assert incident.cause is Cause.SIGNALS
    assert (incident.new_instance, incident.new_epoch, incident.front) == (new, 2, "tried from outside")
    assert cloud.state(old) == "terminated"
    assert cloud.front_holder() == new
    assert all(v is not None for v in incident.durations().values())
    assert incident.durations()["detect_s"] == 35.0
    subjects = [m["Subject"] for m in cloud.messages("people")]
    assert sorted(subjects) == [
        "[understudy] demo/counter: recovered after 36 s, and serves again",
        f"[understudy] demo/counter: replacing {old}, which fails",
    ]
    assert any(key.endswith("-console.txt") for key in cloud.evidence())


def test_calls_at_the_same_moment_tell_of_an_end_once(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each machine of a boot loop is an event of its own: six calls told people of one end."""
    old = serving(cloud)
    cloud.frozen(old)
    admitted_when_old_is_gone(cloud, old)
    publish = topic.publish

    def beside(subject: str, message: str, **more: Any) -> None:
        if "recovered" in subject and len(meanwhile) < 3:
            meanwhile.append(subject)
            run(cloud, cloud.event("alarm_action"), request=f"r-{len(meanwhile) + 1}")
        publish(subject, message, **more)

    meanwhile: list[str] = []
    monkeypatch.setattr(topic, "publish", beside)

    run(cloud, cloud.event("alarm_action"))

    assert [m["Subject"] for m in cloud.messages("people") if "recovered" in m["Subject"]] == meanwhile[:1]


def test_an_end_that_its_call_could_not_tell_is_told_by_another_after_a_while(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    old = serving(cloud)
    cloud.frozen(old)
    admitted_when_old_is_gone(cloud, old)
    publish = topic.publish
    monkeypatch.setattr(
        topic, "publish", lambda subject, message, **more: (dies if "recovered" in subject else publish)(subject, message, **more)
    )
    with pytest.raises(KeyboardInterrupt):
        run(cloud, cloud.event("alarm_action"))
    monkeypatch.setattr(topic, "publish", publish)

    run(cloud, cloud.event("alarm_action"), request="r-2")
    assert not [m for m in cloud.messages("people") if "recovered" in m["Subject"]], "the one that ended it may still be at it"
    cloud.now_ms += 21_000
    run(cloud, cloud.event("alarm_action"), request="r-3")
    assert [m for m in cloud.messages("people") if "recovered" in m["Subject"]]


def test_evidence_is_in_the_bucket_before_the_kill(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    old = serving(cloud)
    cloud.frozen(old)
    admitted_when_old_is_gone(cloud, old)
    kept_by_then: list[int] = []
    terminate = instances.terminate

    def watched(instance: str, *, force: bool) -> str:
        kept_by_then.append(len(cloud.evidence()))
        return terminate(instance, force=force)

    monkeypatch.setattr(instances, "terminate", watched)
    monkeypatch.setattr("lambdas.adapters.groups.terminate", lambda instance, of: "told")

    run(cloud, cloud.event("alarm_action"), seconds=20)

    assert kept_by_then == [2]


def test_evidence_that_cannot_be_kept_holds_nobody_up(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise WorldFailed("keep", "AccessDenied", "no")

    old = serving(cloud)
    cloud.frozen(old)
    admitted_when_old_is_gone(cloud, old)
    monkeypatch.setattr(evidence, "keep", refuse)

    run(cloud, cloud.event("alarm_action"))

    assert cloud.ended()[0].state is State.RECOVERED


def test_an_alarm_about_a_node_that_is_well_touches_nothing(cloud: Any) -> None:
    node = serving(cloud)

    run(cloud, cloud.event("alarm_action"))

    assert cloud.incident() is None
    assert cloud.state(node) == "running"


def test_disagreement_kills_nobody_and_tells_people(cloud: Any) -> None:
    node = serving(cloud)
    cloud.looks(node, [Verdict.FAILING] * 4)
    cloud.look = Verdict.FAILING

    run(cloud, cloud.event("alarm_action"))
    for n in range(3):
        for message in cloud.own_messages():
            run(cloud, message, request=f"r{n}")

    assert cloud.state(node) == "running"
    assert cloud.ended()[0].state is State.SUPPRESSED
    (message,) = cloud.messages("people")
    assert message["Subject"].startswith("[understudy] demo/counter: a person is needed: ")


def test_when_nobody_can_look_nobody_is_killed(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(function: str, payload: dict[str, Any]) -> dict[str, Any]:
        raise WorldFailed("ask probe", "Unhandled", "it crashed")

    node = serving(cloud)
    cloud.frozen(node)
    monkeypatch.setattr("lambdas.adapters.functions.ask", fail)

    run(cloud, cloud.event("alarm_action"))

    assert cloud.state(node) == "running"


def test_an_instance_that_is_gone_is_followed_to_its_recovery(cloud: Any) -> None:
    old = serving(cloud)
    cloud.client("ec2").terminate_instances(InstanceIds=[old])
    admitted_when_old_is_gone(cloud, old)

    run(cloud, cloud.event("instance_terminated", old))

    (incident,) = cloud.ended()
    assert incident.state is State.RECOVERED
    assert incident.cause is Cause.GONE


def test_a_loss_whose_successor_was_permitted_first_is_on_record_all_the_same(cloud: Any) -> None:
    old = serving(cloud)
    cloud.client("ec2").terminate_instances(InstanceIds=[old])
    (new,) = [m for m in cloud.members() if m != old]
    cloud.put(permit_item(Permit(deployable="demo", assembly="counter", instance=new, epoch=2, at_ms=cloud.now_ms, predecessor=old)))
    cloud.report(new, epoch=2)

    run(cloud, cloud.event("instance_terminated", old))
    run(cloud, {"wake": {"deployable": "demo", "assembly": "counter", "reason": "again"}}, request="r-2")

    (incident,) = cloud.ended()
    assert (incident.instance, incident.epoch, incident.cause, incident.state) == (old, 1, Cause.GONE, State.RECOVERED)
    assert (incident.new_instance, incident.new_epoch) == (new, 2)


def test_a_nodes_own_request_needs_no_look(cloud: Any) -> None:
    old = serving(cloud)
    request = Request(
        deployable="demo", assembly="counter", instance=old, epoch=1, at_ms=cloud.now_ms - 500, application="app",
        reason="4 failures in 300 s", expires_at=cloud.now_ms // 1000 + 600,
    )  # fmt: skip
    cloud.put(request_item(request))
    cloud.report(old, verdict=Verdict.FAILING)
    admitted_when_old_is_gone(cloud, old)

    assert run(cloud, cloud.event("stream_request", old)) == {"batchItemFailures": []}

    (incident,) = cloud.ended()
    assert incident.cause is Cause.REQUEST
    assert incident.durations()["detect_s"] == 0.5


def test_somebody_elses_instance_is_left_alone(cloud: Any) -> None:
    node = serving(cloud)

    run(cloud, cloud.event("instance_terminated", "i-0ffffffffffffffff"))
    run(cloud, cloud.event("group_terminated"))
    run(cloud, {"source": "aws.rds", "detail-type": "odd"})

    assert cloud.incident() is None
    assert cloud.state(node) == "running"


def test_a_call_without_time_hands_over_and_the_next_one_finishes(cloud: Any) -> None:
    old = serving(cloud)
    cloud.frozen(old)

    run(cloud, cloud.event("alarm_action"), seconds=15)
    (message,) = cloud.own_messages()
    assert cloud.incident().state is State.RECREATING

    admitted_when_old_is_gone(cloud, old)
    run(cloud, {"wake": {"deployable": "demo", "assembly": "counter", "reason": "too early"}}, request="r-2")
    assert cloud.incident().state is State.RECREATING
    run(cloud, message, request="r-3")

    assert cloud.ended()[0].state is State.RECOVERED


def test_when_the_message_is_lost_the_sweep_takes_the_incident_up(cloud: Any) -> None:
    old = serving(cloud)
    cloud.frozen(old)
    run(cloud, cloud.event("alarm_action"), seconds=15)
    admitted_when_old_is_gone(cloud, old)

    cloud.sleep(40)
    run(cloud, {"wake": {"deployable": "demo", "assembly": "counter", "reason": "nobody works on it"}}, request="r-2")

    assert cloud.ended()[0].state is State.RECOVERED


def test_two_calls_at_once_open_one_incident(cloud: Any) -> None:
    old = serving(cloud)
    cloud.frozen(old)
    admitted_when_old_is_gone(cloud, old)
    play, again = cloud.while_asleep, [True]

    def meanwhile() -> None:
        play()
        if again:
            again.clear()
            run(cloud, cloud.event("alarm_action"), request="r-2")

    cloud.while_asleep = meanwhile
    run(cloud, cloud.event("alarm_action"))

    assert len(cloud.ended()) == 1
    assert len(cloud.members()) == 1


def test_a_released_predecessor_is_not_mistaken_for_a_failure(cloud: Any) -> None:
    node = serving(cloud)
    cloud.report(node, phase=Phase.RELEASED, verdict=Verdict.UNKNOWN)
    cloud.lifecycles[node] = "Terminating:Wait"

    run(cloud, cloud.event("alarm_action"))

    assert cloud.incident() is None


# --- a machine that EC2 wants back ---------------------------------------------------------------------------------------


def warned(cloud: Any, node: str) -> dict[str, Any]:
    event: dict[str, Any] = cloud.event("spot_interruption")
    event["detail"]["instance-id"] = node
    return event


def noting_whom_groups_end(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []

    def terminate(instance: str, *, of: int) -> str:
        asked.append(instance)
        return f"its group, which keeps {of}, terminates and replaces it"

    monkeypatch.setattr(groups, "terminate", terminate)
    return asked


def test_a_machine_that_ec2_takes_back_is_replaced_by_its_group_while_it_can_still_stop_in_order(
    cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = serving(cloud)
    asked = noting_whom_groups_end(monkeypatch)

    run(cloud, warned(cloud, node))

    assert asked == [node]
    assert cloud.ended() == [], "nothing failed: there is no incident"


def test_a_warning_that_comes_late_or_twice_or_for_another_machine_asks_for_nothing(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    node = serving(cloud)
    asked = noting_whom_groups_end(monkeypatch)

    cloud.lifecycles[node] = "Terminating:Wait"
    run(cloud, warned(cloud, node))
    cloud.lifecycles.clear()
    cloud.permit("i-0000000000000000a", 2)
    run(cloud, warned(cloud, node))

    assert asked == []
