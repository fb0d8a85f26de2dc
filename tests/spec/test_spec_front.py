"""Fronts that are a name: what the file may say of them, and what is refused."""

from __future__ import annotations

import pytest
from spec_files import ProblemsOf, Read

from core.model import Front, FrontKind, Record

DNS = "{kind: dns, name: scheduler.ledger.internal, ports: [8080]%s}"


def test_a_name_has_a_zone_of_its_own_and_a_short_ttl_unless_the_file_says_otherwise(read: Read) -> None:
    def front(more: str) -> Front:
        return read(front=DNS % more).deployable.assemblies[0].front

    name = "scheduler.ledger.internal"
    assert front("") == Front(kind=FrontKind.DNS, ports=(8080,), record=Record(name=name, ttl_s=10.0, zone=None))
    assert front(", zone: private, ttl: 1m").record == Record(name=name, ttl_s=60.0, zone=None)
    assert front(", zone: {id: Z0123ABC, name: ledger.internal}").record == Record(name=name, ttl_s=10.0, zone="Z0123ABC")
    assert front(f", zone: {{id: Z0123ABC, name: {name}, public: false}}").record == Record(name=name, zone="Z0123ABC")


@pytest.mark.parametrize(
    ("front", "key", "words"),
    [
        ("{kind: dns, ports: [8080]}", "front", "has no name to be found by"),
        ("{kind: dns, name: a.b, ports: []}", "front", "opens no port"),
        ("{kind: elastic_ip, name: a.b, ports: [80]}", "front", "is of kind elastic_ip, which has no name"),
        ("{kind: none, ttl: 5s}", "front", "is of kind none, which has no ttl"),
        ("{kind: dns, name: Scheduler.Ledger, ports: [80]}", "front.name", "small letters"),
        ("{kind: dns, name: scheduler, ports: [80]}", "front.name", "at least one dot"),
        ("{kind: dns, name: scheduler.local, ports: [80]}", "front.name", "lies in .local"),
        ("{kind: dns, name: x.ec2.internal, ports: [80]}", "front.name", "lies in .ec2.internal"),
        ("{kind: dns, name: 'a b.c', ports: [80]}", "front.name", "is not a host name"),
        (DNS % ", ttl: 0s", "front.ttl", "is not between 1s and 1h"),
        (DNS % ", ttl: 1500ms", "front", "whole seconds"),
        (DNS % ", zone: {id: ledger, name: ledger.internal}", "front.zone.id", "is not the id of a hosted zone"),
        (DNS % ", zone: {id: Z1, name: other.internal}", "front", "does not lie in the zone other.internal"),
        (DNS % ", zone: {id: Z1, name: er.internal}", "front", "does not lie in the zone er.internal"),
    ],
)
def test_a_wrong_front_is_one_problem_at_its_key(front: str, key: str, words: str, problems_of: ProblemsOf) -> None:
    [problem] = problems_of(front=front)

    assert problem.key == f"assemblies[0].{key}"
    assert words in f"{problem.message}; {problem.remedy}"


PUBLIC = DNS % ", zone: {id: Z0123ABC, name: ledger.internal, public: true}"


def test_a_public_zone_is_one_that_is_there_and_takes_nodes_with_public_addresses(read: Read) -> None:
    found = read(front=PUBLIC, top="network: {egress: public_ip}").deployable.assemblies[0].front.record

    assert found == Record(name="scheduler.ledger.internal", zone="Z0123ABC", public=True)


@pytest.mark.parametrize(
    ("front", "top", "key", "words"),
    [
        (DNS % ", zone: public", "", "front.zone", "public: true"),
        (PUBLIC, "", "front.zone.public", "network.egress: public_ip"),
        (PUBLIC, "network: {egress: nat}", "front.zone.public", "kind: elastic_ip"),
    ],
)
def test_elsewhere_a_public_zone_is_refused_with_what_to_do(front: str, top: str, key: str, words: str, problems_of: ProblemsOf) -> None:
    found = [problem for problem in problems_of(front=front, top=top) if problem.key == f"assemblies[0].{key}"]

    assert any(words in f"{problem.message}; {problem.remedy}" for problem in found)


def test_a_host_name_cannot_mean_what_has_no_fixed_address(problems_of: ProblemsOf) -> None:
    [problem] = problems_of(front=DNS % "", assembly="host_names: [{name: clients.mz, resolves: front}]")

    assert (problem.key, problem.value) == ("assemblies[0].host_names[0].resolves", '"front"')
    assert "let programs look up its own name, scheduler.ledger.internal" in problem.remedy
