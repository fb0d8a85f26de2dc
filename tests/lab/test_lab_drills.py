"""The judge's arithmetic: gaps, AWS's share of them, overlaps, and what is told."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from lab.drills.guests import Guests
from lab.drills.measure import Gap, Sample, longest_gap, overlaps, split, union_s
from lab.drills.model import Moment, Result, at_most, exactly
from lab.drills.report import promises, summary
from lab.drills.runner import write_json
from lab.drills.timeline import moments, short
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

    def test_only_the_sweep_and_the_evaluation_that_tipped_the_alarm_were_waited_for(self) -> None:
        def delay(name: str, at: float, until: float, subject: str) -> dict[str, object]:
            return {"kind": "delay", "name": name, "at": at, "until": until, "subject": subject, "source": "x"}

        def said(at: float, what: str) -> dict[str, object]:
            return {"kind": "event", "at": at, "who": "alarm", "what": what}

        lines = [
            *(delay("log_to_metric", at, at + 2, "probe") for at in (11.0, 21.0, 31.0)),
            delay("alarm_evaluation", 34.0, 37.0, "healthy"),
            said(37.1, "healthy: OK -> ALARM: 3 of 3"),
            said(37.1, "healthy: Successfully executed action arn:aws:lambda:r:a:function:f"),
            delay("alarm_evaluation", 40.0, 43.0, "for-people"),
            said(43.1, "for-people: OK -> ALARM: silent"),
        ]

        aws, ours, each = split(lines, Gap(10.0, 60.0))

        assert dict(each) == pytest.approx({"log_to_metric": 2.0, "alarm_evaluation": 3.0})
        assert (aws, ours) == pytest.approx((5.0, 45.0))

    def test_a_group_that_was_told_has_not_waited_to_notice(self) -> None:
        lines = [
            {"kind": "delay", "name": "group_detection", "at": 10.0, "until": 18.0, "subject": "i-1", "source": "x"},
            {"kind": "event", "at": 12.0, "who": "group", "what": "retires i-1: a user asked"},
        ]

        assert split(lines, Gap(10.0, 20.0))[0] == pytest.approx(2.0)

    def test_what_aws_does_about_other_assemblies_was_not_waited_for(self) -> None:
        """As in a mediation platform's drill, while its neighbour's target still becomes known to a network load balancer."""

        def delay(name: str, at: float, until: float, subject: str) -> dict[str, object]:
            return {"kind": "delay", "name": name, "at": at, "until": until, "subject": subject, "source": "x"}

        lines = [
            delay("boot", 11.0, 14.0, "i-struck"),
            delay("nlb_target", 2.0, 60.0, "i-other"),
            delay("group_launch", 14.0, 16.0, "group-of-other"),
            delay("stream_poll", 14.0, 19.0, "NODE#demo#other REQUEST#i-other"),
            delay("cold_start", 15.0, 16.0, "recover_assembly"),
            delay("alarm_evaluation", 16.0, 19.0, "others-alarm"),
            {"kind": "event", "at": 19.0, "who": "alarm", "what": "others-alarm: OK -> ALARM: 3 of 3"},
            {"kind": "event", "at": 19.0, "who": "alarm", "what": "others-alarm: Successfully executed action a:function:f"},
        ]

        aws, ours, each = split(lines, Gap(10.0, 20.0), frozenset({"i-other", "group-of-other", "others-alarm"}))

        assert dict(each) == pytest.approx({"boot": 3.0, "cold_start": 1.0})
        assert (aws, ours) == pytest.approx((4.0, 6.0))


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


class TestTheStory:
    def test_it_counts_from_the_fault_and_leaves_out_the_daily_round(self) -> None:
        lines = [
            {"kind": "event", "at": 99.0, "who": "group", "what": "before"},
            {"kind": "event", "at": 101.5, "who": "group", "what": "launches i-0123456789abcdef0 in a"},
            {"kind": "event", "at": 101.6, "who": "functions", "what": "tick ran"},
            {"kind": "event", "at": 101.7, "who": "probe_nodes", "what": "invoked by queue q (warm)"},
            {"kind": "event", "at": 101.8, "who": "admit_node", "what": "waits for its predecessor"},
            {"kind": "event", "at": 101.9, "who": "admit_node", "what": "waits for its predecessor"},
            {"kind": "delay", "at": 102.0, "until": 114.0, "name": "boot", "subject": "i-2", "source": "x"},
            {"kind": "delay", "at": 102.0, "until": 104.0, "name": "log_to_metric", "subject": "probe", "source": "x"},
        ]

        told = moments(lines, since=100.0, until=200.0)

        assert [(round(m.at_s, 3), m.who) for m in told] == [(1.5, "group"), (1.8, "admit_node"), (2.0, "aws")]
        assert told[0].what == "launches i-0123.. in a"
        assert told[2].what == "boot of i-2: 12.0 s"

    def test_names_lose_what_cloudformation_added(self) -> None:
        assert short("understudy-demo-AlarmsWatcher577B5719-JO2KWLSZAY9O: OK -> ALARM") == "AlarmsWatcher: OK -> ALARM"

    def test_the_agents_tell_their_part(self, tmp_path: Path) -> None:
        machine = tmp_path / "machines" / "i-0123456789abcdef0"
        machine.mkdir(parents=True)
        log = machine / "journal-understudy-agent.log"
        log.write_text(
            '{"at": "2026-01-01T00:00:01.500Z", "event": "now", "node": "i-1", "phase": "running", "verdict": "failing", '
            '"reason": "web: exited"}\n'
            "something that the application printed\n"
            '{"at": "2026-01-01T00:00:02.000Z", "event": "sta'
        )
        guests = Guests(tmp_path)

        (line,) = guests.new_lines()
        assert (line["who"], line["what"]) == ("agent", "i-1 is running, failing: web: exited")

        with log.open("a") as file:
            file.write('rt", "node": "i-1", "application": "web", "epoch": 3}\n')
        assert [line["what"] for line in guests.new_lines()] == ["i-1 starts web under epoch 3"]
        assert guests.new_lines() == []


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


def answering(reply: bytes) -> socket.socket:
    """A server on loopback that answers every connection so, and closes it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(reply)

    threading.Thread(target=serve, daemon=True).start()
    return listener


@pytest.mark.parametrize(("reply", "ok"), [(b"ERR unknown command\r\n", True), (b"", False)], ids=["own words", "closed without a word"])
def test_a_server_that_does_not_speak_http_answers_in_its_own_words(reply: bytes, ok: bool) -> None:
    with answering(reply) as listener:
        assert ask("127.0.0.1", listener.getsockname()[1]).ok is ok
