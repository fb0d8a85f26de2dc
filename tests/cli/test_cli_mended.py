"""What AWS mended by itself, as the commands for operators tell it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core import names
from core.recovery.incident import Cause, Note, State, incident_item
from tests.cli.operators_world import ENDED, NOW, FakeAws, aws, keep, run, serving

__all__ = ["aws"]  # a fixture
MENDED = replace(
    ENDED, id=f"{NOW - 50_000}-i-0aaa", cause=Cause.AWS, reason="the database demo-db: failover started (RDS-EVENT-0013)", woken_by="rds",
    new_instance="", new_epoch=0, evidence=(), opened_ms=NOW - 50_000, failed_ms=NOW - 51_000, confirmed_ms=NOW - 50_000,
    notes=(Note(NOW - 50_000, "rds", "failover started"), Note(NOW - 34_000, "mending", "i-0aaa reports itself well")),
)  # fmt: skip


def test_what_aws_mended_by_itself_is_an_incident_of_the_history_with_its_durations(
    aws: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(aws, ENDED)
    aws.put(incident_item(MENDED, sk=f"{names.BY_AWS}rds"))

    assert (run("history"), run("show", "last")) == (0, 0)
    said = capsys.readouterr().out
    assert said.index("demo-db: failover started") < said.index("i-0aaa -> i-0bbb")
    assert "detect 1.0 s, decide 0.0 s, act 14.0 s, verify 2.0 s; noticed by rds" in said


def test_status_says_that_aws_is_at_it_and_that_all_is_not_well_as_long(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    serving(aws)
    aws.put(incident_item(replace(MENDED, state=State.RECREATING, ended_ms=0), sk=f"{names.BY_AWS}rds"))
    assert run("status") == 1
    said = capsys.readouterr().out
    assert "mended by AWS" in said
    assert "OPEN for 50 s: recreating, about i-0aaa: the database demo-db: failover started" in said

    aws.put(incident_item(MENDED, sk=f"{names.BY_AWS}rds"))
    assert run("status") == 0
    assert "none open; the last one recovered 34 s ago" in capsys.readouterr().out


def test_explain_tells_what_was_heard_and_seen_of_it_and_replay_that_nothing_was_decided(
    aws: FakeAws, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(aws, MENDED)
    (tmp_path / "policy.yaml").write_text("looks_failing_s: 30\n")

    assert run("explain", "last") == 0
    said = capsys.readouterr().out
    assert "nobody of ours decided anything" in said
    assert "+0.0  rds: failover started" in said
    assert "+16.0  mending: i-0aaa reports itself well" in said
    assert run("explain", "last", "--json") == 0
    assert [note["who"] for note in json.loads(capsys.readouterr().out)["notes"]] == ["rds", "mending"]
    assert run("replay", "last", "--policy", str(tmp_path / "policy.yaml")) == 2
    assert "no incident 'last'" in capsys.readouterr().err
    assert run("replay", MENDED.id, "--policy", str(tmp_path / "policy.yaml")) == 2
    assert "no setting changes it" in capsys.readouterr().err


def test_a_nodes_id_means_its_replacement_and_not_what_it_lived_through_before(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    keep(aws, ENDED)
    keep(aws, MENDED)
    assert run("show", "i-0aaa") == 0
    assert ENDED.id in capsys.readouterr().out

    keep(aws, replace(MENDED, id=f"{NOW - 40_000}-i-0bbb", instance="i-0bbb"))
    keep(aws, replace(MENDED, id=f"{NOW - 30_000}-i-0bbb", instance="i-0bbb", opened_ms=NOW - 30_000))
    assert run("show", "i-0bbb") == 0
    said = capsys.readouterr().out
    assert f"{NOW - 30_000}-i-0bbb" in said
    assert "understudy explain" not in said, "nothing was decided"
