"""Thresholds and counters in the file: short and long forms, defaults, bounds."""

from __future__ import annotations

import pytest
from spec_files import Of, ProblemsOf, Read

from core.bounds import CounterRule, Counters, Crossed, Threshold, ThresholdKind
from spec.quantities import size_bytes, size_text

HERE = "assemblies[0].applications[0]"


def test_a_short_form_is_a_level_with_the_defaults_of_its_kind(of: Of) -> None:
    thresholds = of(
        "thresholds: {memory: 90%, memory_pressure: 20%, cpu: 150%, open_files: 80%, disk: {/var: 95%}, inodes: {/: 99.5%}}"
    ).thresholds

    assert [(t.kind.value, t.percent, t.amount, t.path, t.for_s, t.then.value) for t in thresholds] == [
        ("memory", 90.0, None, None, 30.0, "restart"),
        ("memory_pressure", 20.0, None, None, 30.0, "restart"),
        ("cpu", 150.0, None, None, 30.0, "restart"),
        ("open_files", 80.0, None, None, 30.0, "restart"),
        ("disk", 95.0, None, "/var", 30.0, "report"),
        ("inodes", 99.5, None, "/", 30.0, "report"),
    ]  # fmt: skip


def test_amounts_are_sizes_for_memory_and_numbers_for_files_and_threads(of: Of) -> None:
    thresholds = of("thresholds: {memory: 800M, open_files: 4000, threads: 500}").thresholds

    assert [(t.kind.value, t.amount) for t in thresholds] == [("memory", 800 << 20), ("open_files", 4000), ("threads", 500)]


def test_the_long_form_says_how_long_and_what_follows(of: Of) -> None:
    assert of("thresholds: {cpu: {above: 200%, for: 1m, then: report}, disk: {/var: {above: 90%, then: restart}}}").thresholds == (
        Threshold(kind=ThresholdKind.CPU, percent=200.0, for_s=60.0, then=Crossed.REPORT),
        Threshold(kind=ThresholdKind.DISK, percent=90.0, path="/var", then=Crossed.RESTART),
    )


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("{memory: 90}", "memory", "a percentage such as 90% or a size such as 512M"),
        ("{memory: 101%}", "memory", "at most 100%"),
        ("{memory: 0%}", "memory", "more than 0%"),
        ("{memory: '90 %'}", "memory", "not a percentage"),
        ("{memory: 0M}", "memory", "is nothing"),
        ("{memory: {for: 1m}}", "memory.above", "missing"),
        ("{memory: {above: 90%, for: 60}}", "memory.for", "not a duration"),
        ("{memory: {above: 90%, fro: 1m}}", "memory.fro", "did you mean for?"),
        ("{memory: {above: 90%, then: page}}", "memory.then", "restart: the application is failing"),
        ("{memory: [90%]}", "memory", "not a level"),
        ("{threads: 80%}", "threads", "write a number"),
        ("{threads: 0}", "threads", "write a number"),
        ("{open_files: true}", "open_files", "write a percentage such as 90% or a number"),
        ("{disk: 95%}", "disk", "path to a level"),
        ("{disk: {/var: 5G}}", "disk./var", "write a percentage"),
        ("{disk: {var: 95%}}", "disk.var", "absolute path"),
        ("{swap: 90%}", "swap", "no key of a deployable file"),
    ],
)
def test_a_threshold_that_cannot_be_is_one_problem(text: str, key: str, words: str, problems_of: ProblemsOf) -> None:
    [problem] = problems_of(f"thresholds: {text}")

    assert problem.key == f"{HERE}.thresholds.{key}"
    assert problem.line == 12
    assert words in f"{problem.message}; {problem.remedy}"


def test_counters_are_rules_over_an_interval(of: Of) -> None:
    found = of(
        "counters: {interval: 1m, file: /run/l.json, rules: ["
        "{name: aborts, at_most: 5, needs: {activations: 10}}, {name: consumes, at_least: 1}]}"
    ).counters

    assert found == Counters(
        rules=(CounterRule(name="aborts", at_most=5, needs=("activations", 10)), CounterRule(name="consumes", at_least=1)),
        interval_s=60.0,
        file="/run/l.json",
    )


def test_an_interval_under_forty_seconds_is_raised_to_it_with_a_warning(read: Read) -> None:
    found = read(application="counters: {interval: 10s, rules: [{name: a, at_least: 1}]}")

    counters = found.deployable.assemblies[0].applications[0].counters
    assert counters is not None
    assert counters.interval_s == 40.0
    assert [str(warning) for warning in found.warnings] == [
        f"line 12: {HERE}.counters: counters.interval is 10 s: raised to 40 s, the least there is"
    ]


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("{rules: []}", "rules", "at least 1 item"),
        ("{rules: [{name: a}]}", "rules[0]", "has no bound"),
        ("{rules: [{name: a, at_least: 5, at_most: 4}]}", "rules[0]", "at least 5 and at most 4"),
        ("{rules: [{name: a, at_least: -2}]}", "rules[0].at_least", "greater than or equal to -1"),
        ("{rules: [{name: a b, at_least: 1}]}", "rules[0].name", "not a counter's name"),
        ("{rules: [{name: a, at_least: 1, needs: {b: 1, c: 2}}]}", "rules[0].needs", "at most 1 item"),
        ("{rules: [{name: a, at_least: 1}], file: x}", "file", "absolute path"),
    ],
)
def test_a_counter_that_cannot_be_is_one_problem(text: str, key: str, words: str, problems_of: ProblemsOf) -> None:
    [problem] = problems_of(f"counters: {text}")

    assert problem.key == f"{HERE}.counters.{key}"
    assert words in f"{problem.message}; {problem.remedy}"


def test_minus_one_switches_a_bound_off(of: Of) -> None:
    found = of("counters: {rules: [{name: a, at_least: 3, at_most: -1}]}").counters

    assert found is not None
    assert found.rules == (CounterRule(name="a", at_least=3),)


@pytest.mark.parametrize(("text", "size"), [("1K", 1024), ("512M", 512 << 20), ("1.5G", 3 << 29), ("2T", 2 << 40), ("0.5K", 512)])
def test_sizes_are_binary(text: str, size: int) -> None:
    assert size_bytes(text) == size
    assert size_text(size) in (text, "1536M", "512 bytes")
