"""Probes in the file: five kinds, their own keys, and no key that would not be heeded."""

from __future__ import annotations

import pytest
from spec_files import Of, ProblemsOf

from core.application import Probe

HERE = "assemblies[0].applications[0].probes[0]"


@pytest.mark.parametrize(
    ("text", "probe"),
    [
        ('{tcp: "127.0.0.1:80", send: "PING\\r\\n", expect: PONG}', Probe(tcp="127.0.0.1:80", send="PING\r\n", expect="PONG")),
        ('{http: "http://localhost:80/", status: 204}', Probe(http="http://localhost:80/", status=(204,))),
        (
            '{http: "http://localhost:80/", status: [200, 503], body: up, header: "X-State: up"}',
            Probe(http="http://localhost:80/", status=(200, 503), body="up", header="X-State: up"),
        ),
        ("{command: [/bin/check, -v], busy_exit: 3}", Probe(command=("/bin/check", "-v"), busy_exits=(3,))),
        ("{command: [/bin/check], busy_exit: [3, 75]}", Probe(command=("/bin/check",), busy_exits=(3, 75))),
        ("{file: /run/beat, age: 5m}", Probe(file="/run/beat", file_age_s=300.0)),
        ("{process: postgres}", Probe(process="postgres")),
        ("{process: a, every: 10s, timeout: 1s, jitter: 500ms, rise: 2, fall: 3}",
         Probe(process="a", every_s=10.0, timeout_s=1.0, jitter_s=0.5, rise=2, fall=3)),
    ],
)  # fmt: skip
def test_a_probe_becomes_the_models(text: str, probe: Probe, of: Of) -> None:
    assert of(f"probes: [{text}]").probes == (probe,)


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("{every: 1s}", "", "give exactly one of"),
        ("{process: a, tcp: '127.0.0.1:1'}", "", "asks nothing, or two things"),
        ("{process: a, busy_exit: 3}", "", "belongs to command probes"),
        ("{tcp: '127.0.0.1:1', status: 200}", "", "belongs to http probes"),
        ("{http: 'http://127.0.0.1/', send: x}", "", "belongs to tcp probes"),
        ("{process: a, age: 5s}", "", "belongs to file probes"),
        ("{file: /x}", "", "add age"),
        ("{process: a, every: 1s, timeout: 1s, jitter: 2s}", "", "make jitter at most every"),
        ("{command: [check]}", ".command", "not an absolute path"),
        ("{command: [/bin/check], busy_exit: 0}", ".busy_exit", "greater than or equal to 1"),
        ("{command: [/bin/check], busy_exit: [3, 256]}", ".busy_exit[1]", "less than or equal to 255"),
        ("{command: [/bin/check], busy_exit: '3'}", ".busy_exit", "integer"),
        ("{file: beat, age: 5s}", ".file", "absolute path"),
        ("{file: /x, age: 5}", ".age", "not a duration"),
        ("{process: /usr/bin/x}", ".process", "not a process's name"),
        ("{http: 'http://127.0.0.1/', status: 99}", ".status", "greater than or equal to 100"),
        ("{http: 'http://127.0.0.1/', header: nothing}", ".header", "write Name: value"),
        ("{http: 'http://127.0.0.1/', body: ''}", ".body", "1 to 1024 characters"),
    ],
)
def test_a_probe_that_cannot_be_is_one_problem(text: str, key: str, words: str, problems_of: ProblemsOf) -> None:
    [problem] = problems_of(f"probes: [{text}]")

    assert problem.key == HERE + key
    assert problem.line == 12
    assert words in f"{problem.message}; {problem.remedy}"
