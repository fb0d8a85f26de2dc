"""What assemblies of one file say of each other."""

from __future__ import annotations

import pytest
from spec_files import ProblemsOf, Read

FRONT = "{kind: elastic_ip, ports: [8080]}"
OTHER = """
  - name: platform
    image: debian-12
    instances: [t4g.small]
    state: {keep: none}
    front: {kind: elastic_ip, ports: [9000]}
    %s
    applications: [{name: app, run: {exec: [/bin/app]}}]
  - name: hidden
    image: debian-12
    instances: [t4g.small]
    state: {keep: none}
    applications: [{name: app, run: {exec: [/bin/app]}}]
"""


def test_order_reach_and_names_are_kept(read: Read) -> None:
    text = "after: [platform, hidden]\n    reaches: [platform]\n    host_names: [{name: platform.mz, resolves: front, of: platform}]"

    scheduler, platform, _ = read(front=FRONT, assembly=text, application=OTHER % "").deployable.assemblies

    assert (scheduler.after, scheduler.reaches, scheduler.host_names[0].of) == (("platform", "hidden"), ("platform",), "platform")
    assert (platform.after, platform.reaches) == ((), ())


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("after: [nobody]", "after[0]", "is no assembly of this deployable; there are: hidden, platform, scheduler"),
        ("after: [scheduler]", "after", "makes a circle: scheduler after scheduler"),
        ("reaches: [nobody]", "reaches[0]", "is no assembly of this deployable"),
        ("reaches: [scheduler]", "reaches[0]", "is this assembly itself"),
        ("reaches: [hidden]", "reaches[0]", "has no front"),
        ("reaches: [database]", "reaches[0]", "the file has no database"),
        ("host_names: [{name: a, resolves: front, of: nobody}]", "host_names[0].of", "is no assembly of this deployable"),
        ("host_names: [{name: a, resolves: front, of: hidden}]", "host_names[0].of", "has no front"),
        ("host_names: [{name: a, resolves: node, of: platform}]", "host_names[0]", "resolves to node"),
    ],
)
def test_a_wrong_neighbour_is_one_problem_at_its_key(text: str, key: str, words: str, problems_of: ProblemsOf) -> None:
    [problem] = problems_of(OTHER % "", front=FRONT, assembly=text)

    assert problem.key == f"assemblies[0].{key}"
    assert words in f"{problem.message}; {problem.remedy}"


def test_assemblies_that_wait_for_each_other_are_told_as_a_circle(problems_of: ProblemsOf) -> None:
    [problem] = problems_of(OTHER % "after: [scheduler]", assembly="after: [platform]")

    assert "after" in problem.message
    assert problem.message.startswith("makes a circle: ")


def test_an_elastic_ip_is_not_reached_without_a_public_address_of_ones_own(problems_of: ProblemsOf) -> None:
    [problem] = problems_of(OTHER % "", assembly="reaches: [platform]")

    assert (problem.key, problem.value) == ("assemblies[0].reaches[0]", '"platform"')
    assert "give this assembly a front of kind elastic_ip too" in problem.remedy


def test_nodes_that_have_a_public_address_each_reach_one(read: Read) -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html: both ends have an address, and the front is open."""
    text = {"assembly": "reaches: [platform]", "application": OTHER % ""}

    assert read(top="network: {egress: public_ip}", **text).deployable.assemblies[0].reaches == ("platform",)


def test_two_assemblies_with_one_name_are_refused(problems_of: ProblemsOf) -> None:
    [problem] = problems_of((OTHER % "").replace("hidden", "platform"))

    assert (problem.key, problem.message) == ("assemblies[2].name", "is used by two assemblies")


NAMED = (OTHER % "").replace("{kind: elastic_ip, ports: [9000]}", "{kind: dns, name: platform.mz.internal, ports: [9000]}")


def test_a_name_is_reached_from_a_node_without_a_public_address(read: Read) -> None:
    assert read(assembly="reaches: [platform]", application=NAMED).deployable.assemblies[0].reaches == ("platform",)


def test_a_host_name_cannot_mean_a_neighbour_that_is_a_name(problems_of: ProblemsOf) -> None:
    [problem] = problems_of(NAMED, assembly="host_names: [{name: platform, resolves: front, of: platform}]")

    assert problem.key == "assemblies[0].host_names[0].of"
    assert "has no fixed address" in problem.message
    assert "platform.mz.internal" in problem.remedy


def test_two_assemblies_are_not_found_by_one_name(problems_of: ProblemsOf) -> None:
    [problem] = problems_of(NAMED, front="{kind: dns, name: platform.mz.internal, ports: [8080]}")

    assert (problem.key, problem.message) == ("assemblies[1].front.name", "is the name of scheduler already")
