"""Fronts that are load balancers: what the file may say of them, and what such a front cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from spec_files import ProblemsOf, Read

import spec
from core.model import Balancer, Front, FrontKind

ARN = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"

MANY, NETWORKS = "1, 2, 3, 4", ", ".join(f"10.{number}.0.0/16" for number in range(20))


def test_every_port_leads_to_the_same_one_of_the_node_unless_the_file_says_otherwise(read: Read) -> None:
    def front(text: str) -> Front:
        return read(front=text).deployable.assemblies[0].front

    plain = front("{kind: nlb, ports: [6790, 6791]}")
    assert plain == Front(kind=FrontKind.NLB, ports=(6790, 6791), balancer=Balancer())
    secure = front(f"{{kind: alb, ports: [443], target_port: 8080, certificate: '{ARN}', redirect: true, access_logs: true}}")
    assert plain.balancer is not None
    assert secure.balancer == Balancer(target_port=8080, certificate=ARN, redirect=True, access_logs=True)
    assert (plain.balancer.targets(plain.ports), plain.balancer.listens(plain.ports)) == ((6790, 6791), (6790, 6791))
    assert (secure.balancer.targets(secure.ports), secure.balancer.listens(secure.ports)) == ((8080,), (443, 80))


def test_who_may_come_in_is_everybody_the_network_or_whom_the_file_names(read: Read) -> None:
    def sources(more: str) -> tuple[str, ...]:
        balancer = read(front=f"{{kind: alb, ports: [80]{more}}}").deployable.assemblies[0].front.balancer
        assert balancer is not None
        return balancer.sources("10.20.0.0/16")

    assert sources("") == ("0.0.0.0/0",)
    assert sources(", internal: true") == ("10.20.0.0/16",)
    assert sources(", internal: true, clients: [10.0.0.0/8, 192.0.2.7]") == ("10.0.0.0/8", "192.0.2.7/32")


@pytest.mark.parametrize(
    ("front", "key", "words"),
    [
        ("{kind: alb, ports: [443]}", "front", "443 without a certificate"),
        ("{kind: alb, ports: [8080], redirect: true}", "front", "has no certificate"),
        (f"{{kind: alb, ports: [443, 80], certificate: '{ARN}', redirect: true}}", "front", "port 80, which redirect takes"),
        (f"{{kind: nlb, ports: [{MANY}], clients: [{NETWORKS}]}}", "front", "lets 20 networks in by 4 ports, 80 rules of 60"),
        ("{kind: alb, ports: []}", "front", "opens no port"),
        ("{kind: alb, ports: [80], certificate: mine}", "front.certificate", "is not the ARN of a certificate"),
        ("{kind: alb, ports: [80], clients: [10.0.0.1/8]}", "front.clients[0]", "is not an IPv4 network"),
        ("{kind: alb, ports: [80, 80], target_port: 8080}", "front", "lists a port twice"),
        ("{kind: alb, ports: [80, 80]}", "front.ports[1]", "is a port of the front already"),
        ("{kind: alb, ports: [80], target_port: 7880}", "front.target_port", "is the node's HTTP port already"),
        (f"{{kind: nlb, ports: [443], certificate: '{ARN}'}}", "front", "let the application itself speak TLS"),
        ("{kind: nlb, ports: [443], access_logs: true}", "front", "logs TLS alone"),
        ("{kind: nlb, ports: [80], name: a.b}", "front", "is of kind nlb, which has no name"),
        ("{kind: elastic_ip, ports: [80], internal: true}", "front", "is of kind elastic_ip, which has no internal"),
    ],
)
def test_a_front_that_cannot_be_is_one_problem_at_its_key(front: str, key: str, words: str, problems_of: ProblemsOf) -> None:
    [problem] = problems_of(front=front)

    assert problem.key == f"assemblies[0].{key}"
    assert words in f"{problem.message}; {problem.remedy}"


def test_the_balancers_own_ports_may_be_those_of_the_node(read: Read) -> None:
    assert read(front="{kind: nlb, ports: [7810, 7880], target_port: 8080}")


FILE = """\
deployable: ledger
network: {zones: %s}
assemblies:
  - name: platform
    image: debian-12
    instances: [t4g.small]
    front: %s
    state: {keep: none}
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
  - name: worker
    image: debian-12
    instances: [t4g.small]
    state: {keep: none}
    %s
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
"""
ALB, NLB = "{kind: alb, ports: [80], internal: %s}", "{kind: nlb, ports: [80], internal: %s}"


@pytest.mark.parametrize(
    ("zones", "front", "worker", "key", "words"),
    [
        (1, ALB % "true", "", "assemblies[0].front.kind", "needs two zones"),
        (2, ALB % "false", "reaches: [platform]", "assemblies[1].reaches[0]", "internal: true"),
        (2, NLB % "false", "reaches: [platform]", "assemblies[1].reaches[0]", "which a node cannot reach"),
        (
            2,
            NLB % "true",
            "host_names: [{name: a.b, resolves: front, of: platform}]",
            "assemblies[1].host_names[0].of",
            "has no fixed address",
        ),
    ],
)
def test_what_shows_only_with_the_rest_of_the_file(zones: int, front: str, worker: str, key: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(FILE % (zones, front, worker))

    with pytest.raises(spec.SpecError) as caught:
        spec.load(tmp_path / "f.yaml")

    [problem] = caught.value.problems
    assert problem.key == key
    assert words in f"{problem.message}; {problem.remedy}"


@pytest.mark.parametrize(("zones", "front"), [(1, NLB % "true"), (2, ALB % "true")])
def test_an_internal_one_may_be_reached_and_an_nlb_needs_one_zone_only(zones: int, front: str, tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(FILE % (zones, front, "reaches: [platform]"))

    assert spec.load(tmp_path / "f.yaml").assembly("worker").reaches == ("platform",)
