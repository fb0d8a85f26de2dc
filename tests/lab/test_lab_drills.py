"""The judge's arithmetic: gaps, AWS's share of them, overlaps, and what is told."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from lab.drills.measure import Gap, Sample, longest_gap, overlaps, split, union_s
from lab.drills.model import Moment, Result, at_most, exactly
from lab.drills.report import promises, summary
from lab.drills.runner import write_json
from lab.drills.timeline import moments
from lab.drills.watch import ask


def samples(*ended: tuple[float, bool]) -> list[Sample]:
    return [Sample(at - 0.01, at, ok) for at, ok in ended]


class TestTheClientsGap:
    def test_it_runs_from_the_last_good_answer_to_the_first_one_after(self) -> None:
        seen = samples((9.9, True), (10.0, True), (10.1, False), (15.0, False), (15.1, True), (15.2, True))

        assert longest_gap(seen, since=10.05) == Gap(10.0, 15.1)

    def test_a_front_that_never_answers_again_has_no_gap_to_show(self) -> None:
        assert longest_gap(samples((9.0, True), (10.0, False), (20.0, False)), since=9.5) is None

    def test_gaps_that_ended_before_the_fault_do_not_count(self) -> None:
        seen = samples((1.0, True), (5.0, True), (5.1, True), (5.3, True))

        assert longest_gap(seen, since=5.05) == Gap(5.1, 5.3)


class TestAwsShare:
    def test_overlapping_delays_count_once(self) -> None:
        assert union_s([(0, 5), (3, 8), (20, 30)], start=1, end=25) == pytest.approx(7 + 5)

    def test_ours_is_what_aws_delays_together_do_not_cover(self) -> None:
        lines = [
            {"kind": "delay", "name": "boot", "at": 12.0, "until": 22.0, "subject": "i", "source": "x"},
            {"kind": "delay", "name": "pending", "at": 8.0, "until": 12.0, "subject": "i", "source": "x"},
            {"kind": "event", "at": 9.0, "who": "a", "what": "b"},
        ]

        aws, ours, each = split(lines, Gap(10.0, 25.0))

        assert aws == pytest.approx(12.0)
        assert ours == pytest.approx(3.0)
        assert dict(each) == pytest.approx({"boot": 10.0, "pending": 2.0})

    def test_a_delay_off_the_critical_path_is_not_taken_from_our_share(self) -> None:
        lines = [{"kind": "delay", "name": "log_to_metric", "at": 10.0, "until": 12.0, "critical": False}]

        assert split(lines, Gap(10.0, 20.0))[:2] == (0.0, 10.0)


def test_two_machines_serving_in_one_round_are_caught() -> None:
    rounds = [(1.0, frozenset({"i-1"})), (1.1, frozenset({"i-1", "i-2"})), (1.2, frozenset({"i-2"}))]

    assert overlaps(rounds) == ((1.1, frozenset({"i-1", "i-2"})),)


class TestPromises:
    def test_a_number_that_could_not_be_measured_is_not_held(self) -> None:
        assert not at_most("gap", None, 15.0, "s").held

    def test_a_result_without_promises_did_not_hold(self) -> None:
        assert not Result(drill="d", deployable="x", promises=()).held

    def test_one_broken_promise_breaks_the_drill(self) -> None:
        assert not Result(drill="d", deployable="x", promises=(exactly("a", 1, 1), exactly("b", 2, 1))).held


def test_the_story_counts_from_the_fault_and_leaves_out_the_daily_round() -> None:
    lines = [
        {"kind": "event", "at": 99.0, "who": "group", "what": "before"},
        {"kind": "event", "at": 101.5, "who": "group", "what": "launching i-2"},
        {"kind": "event", "at": 101.6, "who": "functions", "what": "tick ran"},
        {"kind": "delay", "at": 102.0, "until": 114.0, "name": "boot", "subject": "i-2", "source": "x"},
    ]

    told = moments(lines, since=100.0, until=200.0)

    assert [(m.at_s, m.who) for m in told] == [(1.5, "group"), (2.0, "aws")]
    assert told[1].what == "boot of i-2 takes 12.0 s"


def test_the_json_of_drills_has_the_documented_shape(tmp_path: Path) -> None:
    result = Result(
        drill="kill-instance",
        deployable="demo",
        promises=(at_most("our share", 3.21, 15, "s"),),
        timeline=(Moment(1.0, "a", "b"),),
        client_gap_s=20.0,
        aws_s=16.79,
        ours_s=3.21,
    )

    write_json([result], tmp_path / "out.json")

    (got,) = json.loads((tmp_path / "out.json").read_text())
    assert set(got) >= {"drill", "deployable", "held", "promises", "timeline", "client_gap_s", "aws_s", "ours_s", "incident"}
    assert got["promises"] == [{"name": "our share", "held": True, "measured": 3.21, "limit": 15, "unit": "s"}]
    assert "kill-instance" in summary([result])
    assert "held" in promises(result)


def test_the_client_takes_a_whole_answer_for_an_answer_and_reads_who_gave_it() -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"instance": "i-7"}')

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        assert ask("127.0.0.1", server.server_port).by == "i-7"
    finally:
        server.shutdown()
        server.server_close()
    assert not ask("127.0.0.1", server.server_port).ok
