"""The page of drills: complete by itself, its numbers the results' own, its picture to scale."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from xml.etree import ElementTree

from lab.drills.labels import Label, place, width
from lab.drills.model import IncidentSummary, Moment, Promise, Result, Span, at_most
from lab.drills.owners import Owners
from lab.drills.page import page
from lab.drills.picture import draw, span_s
from lab.drills.rows import result_of
from lab.drills.scenes import DRILLS
from lab.drills.timeline import moments, spans

RESULT = Result(
    drill="kill-instance",
    deployable="demo",
    promises=(at_most("our share of the gap", 3.2, 15.0, "s"), Promise("two <nodes> & more", False, 2, 0, "count")),
    timeline=(
        Moment(0.0, "drill", "terminated i-0abc.. behind our back"),
        Moment(0.6, "recover_assembly", "suspected i-0abc.. <b>"),
        Moment(4.0, "ec2", "i-0abc.. is terminated"),
        Moment(10.0, "client", "is served again"),
    ),
    gap=Span("gap", "client", 0.1, 10.0),
    spans=(Span("boot", "i-0def..", 2.0, 8.0), Span("pending", "i-0def..", 1.0, 2.0)),
    aws_shares=(Span("aws", "gap", 1.0, 7.7),),
    client_gap_s=9.9,
    aws_s=6.7,
    ours_s=3.2,
    aws_delays=(("boot", 6.0), ("pending", 1.0)),
    circumstances={"at": "2026-11-21 22:00 UTC", "version": "abc1234", "cores": 2, "load": 1.5},
)
_SVG = "{http://www.w3.org/2000/svg}"


def drawn(result: Result) -> ElementTree.Element:
    return ElementTree.fromstring(f'<p xmlns="http://www.w3.org/2000/svg">{draw(result)}</p>')  # noqa: S314 - our own text


def kinds(svg: ElementTree.Element, tag: str) -> list[str]:
    return [element.get("class", "") for element in svg.iter(f"{_SVG}{tag}")]


def test_the_picture_has_a_bar_for_the_clients_gap_to_scale() -> None:
    svg = drawn(RESULT)
    bars = {rect.get("class", ""): rect for rect in svg.iter(f"{_SVG}rect")}
    (boot,) = [rect for rect in svg.iter(f"{_SVG}rect") if "boot" in (rect.findtext(f"{_SVG}title") or "")]

    assert abs(float(bars["gap"].get("width", 0)) / float(boot.get("width", 0)) - 9.9 / 6.0) < 0.01


def test_whose_time_it_was_is_written_on_the_longest_part_of_the_bar() -> None:
    """Across the ends of parts, which differ in colour, it could not be read."""
    svg = drawn(
        replace(RESULT, gap=Span("gap", "client", 0.1, 100.0), aws_shares=(Span("aws", "gap", 1.0, 4.0), Span("aws", "gap", 5.0, 20.0)))
    )
    [words] = [text for text in svg.iter(f"{_SVG}text") if (text.text or "").startswith("AWS's 6.7 s")]
    ends_at = [float(rect.get("x", 0)) + float(rect.get("width", 0)) for rect in svg.iter(f"{_SVG}rect") if rect.get("class") == "theirs"]

    assert float(words.get("x", 0)) > max(ends_at)


def test_each_who_has_a_lane_ours_above_awss_and_each_delay_a_row() -> None:
    svg = drawn(RESULT)

    assert [text.text for text in svg.iter(f"{_SVG}text") if text.get("class") == "lane"] == [
        *("client", "whose time", "drill", "recover_assembly", "ec2"),
        *("AWS: pending", "AWS: boot"),
    ]
    assert kinds(svg, "circle") == ["fault", "ours", "theirs"]


def test_machines_have_their_lanes_in_the_order_in_which_they_come() -> None:
    came = (Moment(1.0, "i-0fff..", "machine off"), Moment(20.0, "i-0aaa..", "machine on"), Moment(25.0, "agent", "i-0aaa.. is up"))

    assert [text for text in lanes(replace(RESULT, timeline=came)) if text and text.startswith("i-")] == ["i-0fff..", "i-0aaa.."]


def of_assemblies(*names: str) -> Result:
    """Each has a machine that hangs, an agent that says something, and an incident."""
    moments = [
        moment
        for number, name in enumerate(names)
        for moment in (
            Moment(1.0 + number, f"i-{number:04x}..", "machine frozen", name),
            Moment(20.0 + number, "recover_assembly", "confirmed", name),
            Moment(30.0 + number, "agent", f"i-{number:04x}.. is running", name),
            Moment(40.0 + number, "people", "are told", name),
        )
    ]
    return replace(RESULT, timeline=tuple(sorted(moments, key=lambda moment: moment.at_s)), gap=Span("gap", "client", 0.1, 0.2))


def lanes(result: Result) -> list[str | None]:
    return [text.text for text in drawn(result).iter(f"{_SVG}text") if text.get("class") == "lane"]


def test_of_two_assemblies_each_has_a_lane_for_what_became_of_its_machines() -> None:
    assert lanes(of_assemblies("web", "db"))[1:5] == ["recover_assembly", "people", "db", "web"]


def test_of_many_assemblies_each_has_a_lane_with_what_was_done_about_it_too() -> None:
    result = of_assemblies("small-9", "small-10", "small-11")
    told = [circle.findtext(f"{_SVG}title") for circle in drawn(result).iter(f"{_SVG}circle")]

    assert lanes(result)[1:5] == ["people", "small-9", "small-10", "small-11"]
    assert "20.00 s: recover_assembly: confirmed" in told
    assert "40.00 s: small-9: are told" in told


def test_where_one_of_several_assemblies_is_struck_the_lanes_are_as_of_one() -> None:
    assert lanes(of_assemblies("web"))[1:5] == ["agent", "recover_assembly", "people", "i-0000.."]


def test_the_story_of_several_assemblies_tells_whose_each_line_is() -> None:
    several = page([of_assemblies("web", "db")], DRILLS, at=1.0)

    assert "<th>assembly</th>" in several
    assert "<td>people</td><td>db</td><td>are told</td>" in several
    assert "<th>assembly</th>" not in page([RESULT], DRILLS, at=1.0)


def test_words_for_which_a_dot_has_no_room_stand_before_it_or_are_cut_off() -> None:
    short, long = "machine off", "recovered: its reports have been silent for 39 s"
    at_the_end, crowded = place([(900.0, short)], 150, 930), place([(200.0, long), (300.0, short)], 150, 930)

    assert at_the_end == [Label(892.0, short, "end")]
    assert [label.anchor for label in crowded] == ["start", "start"]
    assert crowded[0].words.endswith("…")
    assert crowded[0].x + width(crowded[0].words) < 300.0 - 4
    assert place([(200.0, long), (210.0, short)], 150, 930)[0].words == short


def test_clients_that_were_never_served_again_are_seen_to_be() -> None:
    bars = kinds(drawn(replace(RESULT, gap=None)), "rect")

    assert bars[:2] == ["served", "gap"]


def test_a_drill_without_any_moment_is_drawn_too() -> None:
    bare = Result(drill="kill-instance", deployable="demo", promises=())

    assert span_s(bare) == (0.0, 1.02)
    assert kinds(drawn(bare), "circle") == []


def test_the_page_says_what_held_and_what_did_not_and_needs_no_other_file() -> None:
    text = page([RESULT, replace(RESULT, promises=RESULT.promises[:1])], DRILLS, at=1_800_000_000.0)

    assert "<h1>Drills: 1 of 2 held</h1>" in text
    assert "<title>Drills, 2027-01-15 08:00 UTC</title>" in text
    assert "Played on 2026-11-21 22:00 UTC against" in text
    assert "two &lt;nodes&gt; &amp; more" in text
    assert "suspected i-0abc.. &lt;b&gt;" in text
    assert DRILLS["kill-instance"].promise in text
    assert "Played on demo: 2026-11-21 22:00 UTC, version abc1234, 2 processors, load 1.5." in text
    assert "6.70 s of it AWS&#x27;s own" in text or "6.70 s of it AWS's own" in text
    assert not re.search(r"(src|href)=\"(?!#)|url\(|@import", text)


def test_a_line_is_about_the_assembly_whose_machine_incident_alarm_or_name_stands_in_it_and_of_several_about_none() -> None:
    web, db = "i-0123456789abcdef0", "i-0fedcba9876543210"
    alarm = "understudy-fleet-AlarmsHealthysmallA7-695WKLPVZS8K"
    owners = Owners({"small-1": [web, alarm], "small-2": [db]})
    said = [
        ("recover_assembly", f"incident 1795322938611-{web} confirmed: its reports are silent"),
        ("alarm", f"{alarm}: OK -> ALARM: Threshold Crossed"),
        ("probe_nodes", "small-2 does not serve"),
        ("tick", f"looks at {web} and {db}"),
        (db, "machine frozen"),
    ]
    lines = [{"kind": "event", "at": 101.0 + number, "who": who, "what": what} for number, (who, what) in enumerate(said)]

    told = moments(lines, since=100.0, until=200.0, owners=owners)
    assert [moment.about for moment in told] == ["small-1", "small-1", "small-2", "", "small-2"]
    assert told[1].what.startswith("AlarmsHealthysmall: OK -> ALARM")


def test_the_same_words_of_two_assemblies_are_both_told_and_those_of_one_once() -> None:
    owners = Owners({"a": ["i-0123456789abcdef0"], "b": ["i-0fedcba9876543210"]})
    what = "incident 1795322938611-i-{} is confirmed"
    names = ("0123456789abcdef0", "0123456789abcdef0", "0fedcba9876543210")
    lines = [
        {"kind": "event", "at": 101.0 + number, "who": "recover_assembly", "what": what.format(name)} for number, name in enumerate(names)
    ]

    assert [moment.about for moment in moments(lines, since=100.0, until=200.0, owners=owners)] == ["a", "b"]


def test_the_page_says_when_the_first_and_the_last_of_its_drills_began() -> None:
    later = replace(RESULT, circumstances={**RESULT.circumstances, "at": "2026-11-21 23:30 UTC"})

    assert "Played between 2026-11-21 22:00 UTC and 2026-11-21 23:30 UTC against" in page([later, RESULT], DRILLS, at=1.0)


def test_delays_that_were_told_of_become_spans_counted_from_the_fault() -> None:
    lines = [
        {"kind": "delay", "name": "boot", "subject": "i-0123456789abcdef0", "at": 105.0, "until": 122.0},
        {"kind": "delay", "name": "event", "subject": "a change", "at": 106.0, "until": 106.5},
        {"kind": "delay", "name": "pending", "subject": "i-0123456789abcdef0", "at": 99.0, "until": 104.0},
    ]

    assert spans(lines, since=100.0, until=200.0) == (Span("boot", "i-0123..", 5.0, 22.0),)


def test_a_result_comes_back_from_its_json_as_it_was() -> None:
    incident = IncidentSummary("EC2 says so", 0.5, 0.1, 4.0, 3.0)

    for result in (
        RESULT,
        of_assemblies("web", "db"),
        replace(RESULT, incident=incident),
        replace(RESULT, gap=None, client_gap_s=None, ours_s=None),
    ):
        assert result_of(json.loads(json.dumps(result.json()))) == result


def test_what_is_published_is_told_as_the_people_who_hear_of_it_and_its_mails_are_not() -> None:
    topic = {"kind": "event", "who": "topic", "message": "m"}
    lines = [
        {**topic, "at": 101.0, "what": "understudy-demo-Topic: [understudy] demo/counter: replacing i-0123456789abcdef0"},
        {**topic, "at": 101.1, "what": "e-mail to ops@example.com: [understudy] demo/counter: replacing i-0123456789abcdef0"},
        {"kind": "event", "who": "topic", "at": 101.2, "what": "not delivered: no"},
    ]

    assert moments(lines, since=100.0, until=200.0) == (Moment(1.0, "people", "are told: [understudy] demo/counter: replacing i-0123.."),)
