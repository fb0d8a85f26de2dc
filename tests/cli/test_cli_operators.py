"""The commands that tell: status, history, show, explain, replay; and what they say when they cannot."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cli.telling import long
from core.items import looks_item, report_item
from core.lifecycle.holding import Held, held_item
from core.model import Verdict
from core.policy import Policy
from core.recovery.budget import Budget, Entry, budget_item
from core.recovery.incident import Cause, Incident, State, incident_item
from core.recovery.intents import Kind, asked, intent_item
from core.recovery.machine import next_step
from core.recovery.snapshot import View
from core.report.history import Entry as Event
from core.report.history import entry_item
from core.report.trace import decided, decided_item
from tests.cli.operators_world import ENDED, NOW, FakeAws, aws, keep, run, serving
from tests.core.recovery_story import OLD, fresh, frozen_view, healthy_view, incident, looks, replaced_view, report

__all__ = ["aws"]  # a fixture


def keep_steps(aws: FakeAws, one: Incident, *views: View) -> None:
    for number, view in enumerate(views):
        decision = next_step(view, Policy(), woken_by="alarm")
        aws.put(decided_item(decided(view, decision, Policy(), incident=one.id, driver="r-1", number=number)))


# --- status -----------------------------------------------------------------------------------------


def test_status_of_what_is_in_order_says_so_and_exits_with_0(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    serving(aws)

    assert run("status") == 0
    said = capsys.readouterr().out
    assert "counter: serves on i-0aaa under epoch 1, permitted 1 h ago" in said
    assert "says 2.0 s ago: running, healthy" in said
    assert "from outside: healthy 6x (HA port: ok" in said
    assert "203.0.113.7: on i-0aaa" in said
    assert "none yet" in said
    assert "10 of 10 replacements left" in said
    assert "told: ops@example.com" in said


def test_status_names_addresses_that_were_never_confirmed(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html"""
    serving(aws)
    aws.subscriptions = {"ops@example.com": "PendingConfirmation"}

    run("status")
    said = capsys.readouterr().out
    assert "NOBODY IS TOLD: no address has confirmed" in said
    assert "UNCONFIRMED, and told nothing until they open the link in AWS's mail: ops@example.com" in said


def test_status_of_an_open_incident_shows_its_phase_and_exits_with_1(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    serving(aws)
    keep(aws, incident(State.ISOLATING, opened_ms=NOW - 12_000))

    assert run("status") == 1
    said = capsys.readouterr().out
    assert "OPEN for 12 s: isolating, about i-0aaa" in said


def test_status_says_who_does_not_serve_and_why(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    serving(aws)
    aws.put(report_item(report(verdict=Verdict.FAILING)))

    assert run("status") == 1
    assert "counter: DOES NOT SERVE" in capsys.readouterr().out


def test_status_says_what_of_auto_scaling_is_held_still_and_why(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    serving(aws)
    aws.put(
        held_item(Held(revision=1, processes=("HealthCheck", "Launch"), reason="incident 1 is escalated: boot loop"), "demo", "counter")
    )

    run("status")
    assert "Auto Scaling's HealthCheck, Launch: incident 1 is escalated: boot loop" in capsys.readouterr().out


def test_status_does_not_believe_what_was_said_long_ago(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    serving(aws)
    aws.put(looks_item(looks("hhhfff", silent_s=31)))

    assert run("status") == 1
    said = capsys.readouterr().out
    assert "i-0aaa has said nothing for 31 s" in said
    assert "healthy 3x, failing 3x" in said


def test_status_tells_what_operators_asked_for_and_how_long_it_holds(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    serving(aws)
    said = asked(Kind.PAUSE, "*", deployable="demo", reason="new switch", who="ann", now_ms=NOW - 60_000, for_s=3600)
    over = asked(Kind.SHADOW, "counter", deployable="demo", reason="first week", who="bob", now_ms=NOW - 7_200_000, for_s=60)
    spent = asked(Kind.REPLACE, "i-0zzz", deployable="demo", reason="its disk is noisy", who="ann", now_ms=NOW - 60_000, for_s=3600)
    for one in (said, over, spent):
        aws.put(intent_item(replace(one, revision=1)))

    run("status")
    told = capsys.readouterr().out
    assert "59 min left, by ann: new switch" in told
    assert "first week" not in told
    assert "its disk is noisy" not in told, "that node holds the permit no more"


def test_what_may_not_be_read_is_said_and_hides_nothing_else(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    serving(aws)
    aws.fails = {"describe_addresses": "UnauthorizedOperation", "list_subscriptions_by_topic": "AuthorizationError"}

    assert run("status") == 0
    said = capsys.readouterr().out
    assert said.count("not readable with these credentials") == 2


def test_status_tells_what_the_warm_pool_holds_where_there_is_one_and_may_not_be_let_look(
    aws: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeWarmPool.html"""
    serving(aws)
    run("status")
    assert "warm pool" not in capsys.readouterr().out

    aws.stacks["understudy-demo"]["CounterPool"] = "counter-group"
    run("status")
    assert "empty: another machine is launched for it" in capsys.readouterr().out

    aws.pool = [{"InstanceId": "i-0bbb", "LifecycleState": "Warmed:Stopped", "LaunchTemplate": {"Version": "3"}}]
    run("status")
    assert "i-0bbb is ready, stopped, of version 3 of the launch template" in capsys.readouterr().out

    aws.pool[0]["LifecycleState"] = "Warmed:Pending:Wait"
    assert run("status") == 0, "it is no reason for alarm"
    assert "not ready: Warmed:Pending:Wait" in capsys.readouterr().out

    aws.fails = {"describe_warm_pool": "AccessDenied"}
    run("status")
    assert "what it holds is not readable with these credentials" in capsys.readouterr().out


def test_status_as_json_says_the_same(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    serving(aws)
    entry = Entry(at_ms=NOW - 5000, deployable="demo", assembly="counter", incident="x", replaced=True)
    aws.put(budget_item(Budget(revision=1, entries=(entry,))))

    run("status", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["assemblies"][0]["permit"]["instance"] == "i-0aaa"
    assert told["assemblies"][0]["well"] is True
    assert (told["budget"]["made"], told["budget"]["replacements"]) == (1, 10)

    aws.stacks["understudy-demo"]["Policy"] = '{"budget_replacements": 4}'
    run("status")
    assert "3 of 4 replacements left" in capsys.readouterr().out


# --- history, show ----------------------------------------------------------------------------------


def test_history_is_newest_first_with_the_database_among_it(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    keep(aws, replace(ENDED, id=f"{NOW - 900_000}-i-0zzz", instance="i-0zzz", opened_ms=NOW - 900_000, failed_ms=NOW - 900_000))
    keep(aws, ENDED)
    aws.put(entry_item(Event(
        deployable="demo", at_ms=NOW - 400_000, id="e1", subject="demo-db", kind="RDS-EVENT-0049", categories=("failover",),
        message="Multi-AZ instance failover completed",
    )))  # fmt: skip

    assert run("history") == 0
    said = capsys.readouterr().out
    assert said.index("i-0aaa -> i-0bbb") < said.index("failover completed") < said.index("i-0zzz")
    assert "recovered after 26 s" in said
    assert "detect 0.5 s, decide 0.1 s, act 23.9 s, verify 2.0 s; noticed by ec2" in said


@pytest.mark.parametrize(("subject", "what"), [("understudy-demo", "database"), ("i-0aaa", "machine"), ("vol-0123", "volume")])
def test_history_says_of_what_aws_did_something(aws: FakeAws, capsys: pytest.CaptureFixture[str], subject: str, what: str) -> None:
    aws.put(entry_item(Event(
        deployable="demo", at_ms=NOW - 400_000, id="e1", subject=subject, kind="its kind", categories=("failure",), message="it was so",
    )))  # fmt: skip

    assert (run("history"), run("history", "--json")) == (0, 0)
    said = capsys.readouterr().out
    assert f"  {what} {subject}  its kind\n    it was so" in said
    assert f'"what": "{what}"' in said


def test_history_is_bounded_in_time_and_number(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    for n in range(5):
        keep(aws, replace(ENDED, id=f"{NOW - n * 100_000}-i-{n}", instance=f"i-{n}", opened_ms=NOW - n * 100_000))

    run("history", "--since", "150s", "--json")
    assert [one["instance"] for one in json.loads(capsys.readouterr().out)] == ["i-0", "i-1"]
    run("history", "--most", "3", "--json")
    assert len(json.loads(capsys.readouterr().out)) == 3
    run("history", "--since", "1s", "--assembly", "counter")
    run("history", "--since", "1s", "--assembly", "other")
    assert "nothing has happened since" in capsys.readouterr().out


@pytest.mark.parametrize("wanted", ["last", "counter", "i-0aaa", ENDED.id])
def test_show_finds_an_incident_by_what_an_operator_knows_of_it(aws: FakeAws, capsys: pytest.CaptureFixture[str], wanted: str) -> None:
    keep(aws, ENDED)

    assert run("show", wanted) == 0
    said = capsys.readouterr().out
    assert "counter: recovered" in said
    assert "s3://evidence/evidence/demo/counter/i-0aaa/1.json" in said
    assert "0.0  ec2: suspected i-0aaa" in said


def test_what_could_be_two_incidents_or_none_is_said(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    keep(aws, ENDED)
    aws.put(incident_item(replace(ENDED, id="1-i-0aaa"), sk="1-i-0aaa"))

    assert run("show", "i-0aaa") == 2
    assert "could be" in capsys.readouterr().err
    assert run("show", "i-0ccc") == 2
    assert "`understudy history` lists them" in capsys.readouterr().err


# --- explain, replay --------------------------------------------------------------------------------


def story(aws: FakeAws) -> Incident:
    """Suspected and confirmed by two signals."""
    told = replace(ENDED, cause=Cause.SIGNALS)
    keep(aws, told)
    doubting = frozen_view(incident=replace(incident(), revision=2), fresh={OLD: fresh(Verdict.FAILING)})
    keep_steps(aws, told, frozen_view(incident=replace(incident(), revision=1)), doubting)
    return told


def test_explain_tells_each_step_its_rule_and_what_it_was_made_from(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    story(aws)

    assert run("explain", "last") == 0
    said = capsys.readouterr().out
    assert "suspected: take-look by rule `third-look`" in said
    assert "suspected: confirm by rule `two-signals`" in said
    assert "looks from outside have failed for 20 s" in said
    assert said.count("from outside hhhFFF") == 1, "what did not change is told once"
    assert said.count("a look for this very decision") == 1


def test_two_rules_that_take_turns_for_long_are_told_once(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    keep(aws, ENDED)
    look, wait = frozen_view(incident=incident()), healthy_view(incident=incident(), looks={OLD: looks("hhhfff")})
    wait = replace(wait, fresh={OLD: fresh(Verdict.FAILING)})
    keep_steps(aws, ENDED, *[look, wait] * 6)

    run("explain", "last")
    said = capsys.readouterr().out
    assert (said.count("by rule `third-look`"), said.count("by rule `look-again`")) == (2, 2)
    assert "... and so on: 8 steps by the same two rules, in turn ..." in said
    run("explain", "last", "--all")
    assert capsys.readouterr().out.count("by rule `third-look`") == 6


def test_explain_says_when_nothing_was_recorded(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    keep(aws, ENDED)

    assert run("explain", "last") == 2
    assert "no steps of" in capsys.readouterr().err


def test_replay_says_where_other_settings_would_have_done_otherwise(
    aws: FakeAws, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story(aws)
    (tmp_path / "policy.yaml").write_text("looks_failing_s: 30\n")

    assert run("replay", "last", "--policy", str(tmp_path / "policy.yaml")) == 1
    said = capsys.readouterr().out
    assert "looks_failing_s 30.0 instead of 10.0" in said
    assert "then:    confirm by rule `two-signals`" in said
    assert "instead: wait by rule `look-again`" in said

    (tmp_path / "policy.yaml").write_text("boot_loop: 5\n")
    assert run("replay", "last", "--policy", str(tmp_path / "policy.yaml")) == 0
    assert "every step would have been the same" in capsys.readouterr().out


def test_replay_takes_a_deployables_own_numbers(aws: FakeAws, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story(aws)
    application = "{name: a, run: {exec: [/bin/a]}}"
    assembly = f"{{name: counter, image: debian-12, instances: [t4g.small], state: {{keep: none}}, applications: [{application}]}}"
    (tmp_path / "d.yaml").write_text(f"deployable: demo\nrecovery: {{looks_failing: 30s}}\nassemblies: [{assembly}]\n")

    assert run("replay", "last", "--policy", str(tmp_path / "d.yaml")) == 1
    assert "looks_failing_s 30.0 instead of 10.0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [("patience: 3\n", "patience is no setting"), ("- 3\n", "expected settings"), ("a: [\n", "this is not YAML"), ("", "empty")],
)
def test_a_policy_that_cannot_be_is_refused(aws: FakeAws, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str) -> None:
    story(aws)
    (tmp_path / "p.yaml").write_text(text)

    assert run("replay", "last", "--policy", str(tmp_path / "p.yaml")) == 2
    assert said in capsys.readouterr().err


def test_a_replaced_node_is_told_apart_from_its_predecessor(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    keep(aws, ENDED)
    keep_steps(aws, ENDED, replaced_view(incident=replace(incident(State.RECREATING), revision=3)))

    run("explain", "last", "--all", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["steps"][0]["incident"] == ENDED.id
    assert told["steps"][0]["view"]["permit"]["epoch"] == 2


# --- where it is ------------------------------------------------------------------------------------


def test_a_deployable_that_is_not_there_is_said_with_those_that_are(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "--deployable", "ledger") == 2
    assert "no deployable 'ledger' is deployed here (no stack understudy-ledger); there are: demo" in capsys.readouterr().err


def test_of_several_deployables_one_must_be_named(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.stacks["understudy-ledger"] = {**aws.stacks["understudy-demo"]}
    aws.stacks["understudy-x-foundation"] = {"Table": "state"}

    assert run("status") == 2
    assert "deployed here: demo, ledger" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("AccessDeniedException", "`understudy operator-policy` prints the policy"),
        ("ExpiredTokenException", "sign in again"),
        ("ResourceNotFoundException", "in the table state"),
    ],
)
def test_what_aws_refuses_is_said_with_what_to_do(aws: FakeAws, capsys: pytest.CaptureFixture[str], code: str, said: str) -> None:
    aws.fails = {"query": code}

    assert run("history") == 2
    assert said in capsys.readouterr().err


def test_a_table_may_be_given_by_name_when_the_stack_cannot_be_asked(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.stacks = {}
    serving(aws)

    assert run("status", "--table", "state", "--deployable", "demo", "--assembly", "counter") == 0
    assert run("status", "--table", "state") == 2
    assert "say --deployable NAME and --assembly NAME too" in capsys.readouterr().err


def test_an_item_of_a_newer_version_is_said_and_not_guessed_at(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    serving(aws)
    aws.put({**incident_item(ENDED), "version": 99})

    assert run("status") == 2
    assert "written by another version of Understudy" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0.4 s"), (42, "42 s"), (60, "1 min"), (200, "3 min 20 s"), (3600, "1 h"), (7500, "2 h 5 min"), (90_000, "1 d 1 h")],
)
def test_times_are_told_in_two_units_at_most(seconds: float, said: str) -> None:
    assert long(seconds) == said
