"""What a view says of each node by itself: whether it is gone, what it asks for and says, since when; and how often its assembly failed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.model import Verdict
from core.records import Look, Looks, Permit, Phase, Request
from core.recovery.budget import Budget, Entry
from core.recovery.incident import State
from core.recovery.outlook import inside
from core.recovery.seen import FAILS, IDLE, NO_REPORT, NOT_LOOKED_AT, REPORTS, SILENT
from core.recovery.snapshot import Member, View
from tests.core.recovery_story import NEW, NOW, OLD, POLICY, frozen_view, healthy_view, incident, looks, machine, replaced_view, report

PENDING = {OLD: Member(instance=OLD, lifecycle="Pending:Wait", healthy=True)}
SECOND = Permit(deployable="demo", assembly="counter", instance=OLD, epoch=2, at_ms=NOW - 500_000)


def request(instance: str = OLD, epoch: int = 1) -> Request:
    return Request(
        deployable="demo", assembly="counter", instance=instance, epoch=epoch, at_ms=NOW, application="a", reason="r", expires_at=2**40
    )


# --- whether it is gone -----------------------------------------------------------------------------


def test_a_node_that_ec2_does_not_know_is_not_gone_while_its_group_lists_it_or_it_speaks() -> None:
    unknown = healthy_view(machines={}, members={}, reports={})

    assert unknown.is_gone(OLD)
    assert unknown.is_dead(OLD)
    assert not replace(unknown, members=healthy_view().members).is_gone(OLD)
    assert not replace(unknown, reports={OLD: report()}).is_gone(OLD)


def test_it_speaks_while_its_report_moved_within_a_minute_or_nobody_has_seen_it_yet() -> None:
    def is_gone(kept: dict[str, Looks]) -> bool:
        return healthy_view(machines={}, members={}, looks=kept).is_gone(OLD)

    moved = looks("h")
    assert not is_gone({OLD: replace(moved, report_moved_ms=NOW - 60_000)})
    assert is_gone({OLD: replace(moved, report_moved_ms=NOW - 60_001)})
    assert not is_gone({})


@pytest.mark.parametrize(
    ("state", "gone", "dead"),
    [
        ("pending", False, False),
        ("running", False, False),
        ("stopped", True, False),
        ("shutting-down", True, False),
        ("terminated", True, True),
    ],
)
def test_what_is_stopped_is_gone_and_only_what_is_terminated_is_dead(state: str, gone: bool, dead: bool) -> None:
    view = healthy_view(machines={OLD: machine(OLD, state)})

    assert (view.is_gone(OLD), view.is_dead(OLD)) == (gone, dead)


def test_of_what_nothing_is_known_it_is_gone_and_says_nothing() -> None:
    nobody = healthy_view().seen("i-0nobody")

    assert (nobody.gone, nobody.dead) == (True, True)
    assert not any((nobody.pending, nobody.leaving, nobody.ready, nobody.fails))
    assert (nobody.lifecycle, nobody.request, nobody.says, nobody.look, nobody.since_ms) == ("", None, NO_REPORT, None, 0)
    assert nobody.silent_ms < 0
    assert nobody.failing_ms < 0


def test_of_the_lost_each_is_named_once_though_it_is_a_member_and_holds_the_permit() -> None:
    gone = {OLD: machine(OLD, "terminated")}

    assert healthy_view(machines=gone).lost == (OLD,)
    assert healthy_view(machines=gone, members={}).lost == (OLD,), "the permit's holder alone"
    assert healthy_view(machines=gone, members={}, permit=None).lost == ()
    assert healthy_view(machines={}, reports={}, members={}).lost == (), "what EC2 has forgotten says nothing"
    assert healthy_view().lost == ()


# --- what it asks for and says ----------------------------------------------------------------------


def test_a_request_stands_of_the_holder_alone_and_under_its_epoch() -> None:
    failing = {OLD: report(verdict=Verdict.FAILING)}

    assert healthy_view(reports=failing, requests={OLD: request()}).asks(OLD) == request()
    assert healthy_view(reports=failing, requests={OLD: request(epoch=2)}).asks(OLD) is None
    assert healthy_view(reports=failing, requests={NEW: request(NEW)}).asks(NEW) is None
    assert healthy_view(reports=failing, requests={OLD: request()}, permit=None).asks(OLD) is None


def test_only_a_report_of_the_same_epoch_takes_a_request_back() -> None:
    asking: dict[str, Any] = {"permit": SECOND, "requests": {OLD: request(epoch=2)}}

    assert healthy_view(**asking, reports={OLD: report(epoch=2)}).asks(OLD) is None
    assert healthy_view(**asking, reports={OLD: report(epoch=2, verdict=Verdict.BUSY)}).asks(OLD) is None
    assert healthy_view(**asking, reports={OLD: report(epoch=1)}).asks(OLD) is not None, "it was well under the permit before"


def test_idle_is_the_holder_that_says_it_waits_though_it_was_let_in() -> None:
    def says(**changes: Any) -> object:
        return healthy_view(**{"reports": {OLD: report(epoch=0, phase=Phase.WAITING)}, **changes}).seen(OLD).says

    healthy = REPORTS[Verdict.HEALTHY]
    assert says() == IDLE
    assert says(reports={OLD: report(epoch=0)}) == healthy, "it runs, under a former permit"
    assert says(reports={OLD: report(epoch=1, phase=Phase.WAITING)}) == healthy, "it says so under the very permit"
    assert says(members=PENDING) == healthy, "its launch hook is not over"
    assert says(members=PENDING, machines={OLD: machine(OLD, "stopped")}) == IDLE, "nobody waits for the hook of one that is gone"
    assert says(permit=replace(SECOND, instance=NEW)) == healthy, "another one was let in"
    assert says(permit=None) == healthy


def test_what_nobody_looked_at_is_believed_only_that_it_fails() -> None:
    assert healthy_view(looks={}).seen(OLD).says == NOT_LOOKED_AT
    assert healthy_view(looks={}, reports={OLD: report(verdict=Verdict.FAILING)}).seen(OLD).says == FAILS
    assert healthy_view(looks={}, reports={}).seen(OLD).says == NO_REPORT
    assert healthy_view().seen(OLD).says == REPORTS[Verdict.HEALTHY]


def test_what_fails_idles_or_is_silent_is_one_signal_and_nothing_else_is() -> None:
    assert [said.is_bad for said in (SILENT, IDLE, FAILS)] == [True] * 3
    assert [said.silent for said in (SILENT, IDLE, FAILS)] == [True, False, False]
    others = [NO_REPORT, NOT_LOOKED_AT, *(REPORTS[verdict] for verdict in Verdict if verdict is not Verdict.FAILING)]
    assert not any(said.is_bad or said.silent for said in others)
    assert [said.verdict for said in (NO_REPORT, NOT_LOOKED_AT)] == [Verdict.UNKNOWN] * 2


def test_silence_begins_after_its_time_and_not_at_it() -> None:
    def says(silent_s: float) -> object:
        return inside(healthy_view(looks={OLD: looks("hhh", silent_s=silent_s)}), OLD, POLICY)

    assert says(POLICY.report_silent_s) == REPORTS[Verdict.HEALTHY]
    assert says(POLICY.report_silent_s + 0.001) == SILENT


# --- the view's own questions -------------------------------------------------------------------------


def test_it_starts_while_it_is_in_its_launch_hook_and_not_gone() -> None:
    assert healthy_view(members=PENDING).is_starting(OLD)
    assert not healthy_view().is_starting(OLD)
    assert not healthy_view(members=PENDING, machines={OLD: machine(OLD, "terminated")}).is_starting(OLD)


def test_spare_is_who_is_refused_for_its_version_and_was_never_permitted() -> None:
    former = {OLD: Member(instance=OLD, lifecycle="InService", healthy=True, current=False)}

    assert healthy_view(pool={}, members=former, permit=None).is_spare(OLD)
    assert not healthy_view(pool={}, members=former).is_spare(OLD), "it holds the permit"
    assert not healthy_view(pool={}, permit=None).is_spare(OLD)
    assert not healthy_view(members=former, permit=None).is_spare(OLD), "its group has no pool"
    assert not healthy_view(pool={}, permit=None).is_spare("i-0nobody")


def test_nobody_leads_what_no_rung_takes_along() -> None:
    leader = incident(State.ISOLATING, assembly="gateway", id="g", ladder="g")

    assert (healthy_view().led_by, healthy_view().called_by) == ("", "")
    assert healthy_view(leader=leader).led_by == "g"
    assert healthy_view(leader=replace(leader, state=State.CONFIRMED)).led_by == "g"
    assert healthy_view(leader=replace(leader, state=State.RECOVERED)).led_by == ""
    assert healthy_view(leader=replace(leader, state=State.SUSPECTED)).led_by == "", "it is weighed again"


# --- since when, and how often ----------------------------------------------------------------------


def test_what_began_after_now_or_at_no_time_at_all_began_now() -> None:
    ahead = healthy_view(looks={OLD: looks("hff")}, now_ms=NOW - 20_000)
    assert ahead.seen(OLD).since_ms == ahead.now_ms, "the prober's clock is ahead"

    first = Look(at_ms=0, verdict=Verdict.FAILING, ha="no answer", http="-")
    assert healthy_view(looks={OLD: replace(looks("f"), looks=(first,), report_moved_ms=0)}).seen(OLD).since_ms == NOW


def paid(*at_ms: int) -> Budget:
    return Budget(
        entries=tuple(Entry(at_ms=ms, deployable="demo", assembly="counter", incident=f"x{n}", replaced=True) for n, ms in enumerate(at_ms))
    )


def with_rung(budget: Budget, at_ms: int, of: str = "another") -> Budget:
    rung = Entry(at_ms=at_ms, deployable="demo", assembly="gateway", incident=of, replaced=True, rung=True, along=("counter",))
    return Budget(entries=(*budget.entries, rung))


def test_what_never_failed_has_no_failures_and_the_open_one_counts_before_it_is_paid_for() -> None:
    mine = incident()
    own = Entry(at_ms=NOW, deployable="demo", assembly="counter", incident=mine.id, replaced=True)

    assert healthy_view(budget=paid(NOW)).failures == 0
    assert not healthy_view(budget=paid(*[NOW] * 9)).past_tolerance
    assert frozen_view(incident=mine).failures == 1
    assert frozen_view(incident=mine, budget=Budget(entries=(own,))).failures == 1
    assert frozen_view(incident=mine, budget=paid(NOW, NOW - 3_600_000, NOW - 3_600_001)).failures == 3


def test_after_a_rung_the_count_begins_afresh_with_what_failed_later() -> None:
    at_ms = NOW - 60_000
    before = paid(at_ms - 1, at_ms, at_ms + 1)

    assert frozen_view(incident=incident(), budget=before).failures == 4
    assert frozen_view(incident=incident(), budget=with_rung(before, at_ms)).failures == 2
    assert frozen_view(incident=incident(), budget=with_rung(before, at_ms, of=incident().id)).failures == 3, "its own rung is paid for"


def test_a_rung_counts_as_long_as_the_tolerance_looks_back() -> None:
    edge_ms = NOW - 3_600_000
    both = paid(edge_ms, NOW)

    assert frozen_view(incident=incident(), budget=with_rung(both, edge_ms)).failures == 2
    assert frozen_view(incident=incident(), budget=with_rung(both, edge_ms - 1)).failures == 3


def test_ready_is_one_beside_that_lives_and_waits_in_its_launch_hook() -> None:
    def ready(lifecycle: str = "Pending:Wait", phase: Phase = Phase.WAITING, state: str = "running") -> bool:
        view: View = replaced_view(
            members={NEW: Member(instance=NEW, lifecycle=lifecycle, healthy=True)},
            reports={NEW: report(NEW, epoch=0, phase=phase)},
            machines={NEW: machine(NEW, state)},
        )
        return view.another_ready

    assert ready()
    assert not ready(lifecycle="InService")
    assert not ready(phase=Phase.STARTING)
    assert not ready(state="stopped")
