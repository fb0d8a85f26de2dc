"""Surroundings that several lives of an agent need when it lives in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.agent.worlds import end_all


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The permit and the target state are looked at often, and no orphan of another test is collected. What still runs is ended."""
    monkeypatch.setattr("agent.cycle.reap_orphans", lambda now_s: None)
    monkeypatch.setattr("agent.watchers.PERMIT_RUNNING_S", 0.05)
    monkeypatch.setattr("agent.watchers.TARGET_STATE_S", 0.05)
    yield
    end_all()


@pytest.fixture
def alone(often: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Likewise; and this process, which is the tests', does not become the parent of what other tests leave behind."""
    monkeypatch.setattr("agent.daemon.adopt_orphans", lambda: None)
