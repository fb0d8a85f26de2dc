"""A machine that is laid out for its group's warm pool: an agent that says so, and runs when it comes back with a permit.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from agent import watchers
from agent.knowledge import Knowledge
from agent.log import Log
from agent.ports import Unreachable
from tests.agent.worlds import FakeMetadata


def watched(metadata: Any, steps: list[str | None], monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What is known after each of the states was told; "outage" fails."""
    monkeypatch.setattr(watchers, "POOL_STATE_S", 0.0)
    monkeypatch.setattr(watchers, "until_beat_s", lambda *_, **__: 0.0)
    known: list[bool] = []
    cycle: Any = SimpleNamespace(knowledge=Knowledge(), clock=lambda: 0.0, wake=lambda: None)

    def next_state() -> str | None:
        known.append(cycle.knowledge.prepared)
        state = steps.pop(0) if steps else "Terminated"
        if state == "outage":
            raise Unreachable("metadata service: no answer")
        return state

    metadata.target_lifecycle_state = next_state
    asyncio.run(asyncio.wait_for(watchers.watch_target_state(cycle, metadata, Log()), 30))
    assert cycle.knowledge.terminating
    return known[1:]


def test_a_warm_pools_target_state_is_that_of_a_machine_that_is_prepared_until_it_is_to_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watched(FakeMetadata(), [None, "Warmed:Stopped", "outage", "Warmed:Stopped", "InService"], monkeypatch)

    assert seen == [False, True, True, True, False]


def test_a_machine_outside_a_group_is_not_prepared_for_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched(FakeMetadata(), [None, None], monkeypatch) == [False, False]
