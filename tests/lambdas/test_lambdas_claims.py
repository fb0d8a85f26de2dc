"""A call that dies holds its incident for seconds, not for as long as it might have lived; and each has one that looks after it."""

from __future__ import annotations

from typing import Any

import pytest

from core.recovery.incident import State
from lambdas import driver
from lambdas.adapters import instances, queues
from lambdas.adapters.clients import WorldFailed
from tests.lambdas.test_lambdas_recover_assembly import admitted_when_old_is_gone, run, serving


def dies_at_the_kill(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """The first call dies when it terminates the machine, before anything was done."""

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    old = serving(cloud)
    cloud.frozen(old)
    admitted_when_old_is_gone(cloud, old)
    terminate = instances.terminate
    monkeypatch.setattr(instances, "terminate", dies)
    with pytest.raises(KeyboardInterrupt):
        run(cloud, cloud.event("alarm_action"))
    monkeypatch.setattr(instances, "terminate", terminate)
    return old


def watcher(cloud: Any) -> dict[str, Any]:
    """The message that the call sent to look after itself."""
    (message,) = cloud.watchers()
    return dict(message)


def test_whoever_looks_after_a_dead_call_goes_on_in_its_place(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    old = dies_at_the_kill(cloud, monkeypatch)
    cloud.now_ms += (driver.CLAIM_S + 1) * 1000

    run(cloud, watcher(cloud), request="r-2")

    assert [(i.instance, i.state) for i in cloud.ended()] == [(old, State.RECOVERED)]


def test_a_call_that_lives_is_looked_after_on_and_not_disturbed(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    dies_at_the_kill(cloud, monkeypatch)
    cloud.now_ms += (driver.CLAIM_S - 5) * 1000

    run(cloud, watcher(cloud), request="r-2")

    assert cloud.incident().driver == "r-1"
    cloud.now_ms += 6_000
    run(cloud, watcher(cloud), request="r-3")
    assert cloud.ended(), "it did not live after all"


def test_a_retry_of_the_same_request_goes_on_at_once(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda tries again when the call before has ended: .../dg/invocation-async-error-handling.html; its request id is the same."""
    dies_at_the_kill(cloud, monkeypatch)

    run(cloud, cloud.event("alarm_action"))

    assert [i.state for i in cloud.ended()] == [State.RECOVERED]


def test_a_call_that_waits_says_again_that_it_lives(cloud: Any) -> None:
    old = serving(cloud)
    cloud.frozen(old)
    waited: list[float] = []

    def play() -> None:
        incident = cloud.incident()
        if incident is not None and incident.driver == "r-1":
            waited.append((incident.driven_until_ms - cloud.now_ms) / 1000)

    cloud.while_asleep = play
    run(cloud, cloud.event("alarm_action"))

    assert len(waited) > 20
    assert min(waited) > 0
    assert max(waited) <= driver.CLAIM_S


def test_a_queue_that_fails_holds_no_recovery_up(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise WorldFailed("send", "Throttling", "slow down")

    old = serving(cloud)
    cloud.frozen(old)
    admitted_when_old_is_gone(cloud, old)
    monkeypatch.setattr(queues, "send", fails)

    run(cloud, cloud.event("alarm_action"))

    assert cloud.state(old) == "terminated"
