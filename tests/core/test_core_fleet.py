"""The fleet in the functions' environment."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from core.application import Run
from core.model import Application, Assembly, Deployable, Front, FrontKind, OnDisagreement, Tolerance
from core.policy import Policy
from core.watching.fleet import (
    ARN_BYTES,
    UNKNOWN_BYTES,
    BadFleet,
    check_environment,
    check_parameter,
    fleet_file,
    fleet_to_json,
    parse_fleet,
)
from core.watching.register import heard


def _assembly(name: str) -> Assembly:
    return Assembly(
        name=name,
        image="debian-12",
        instances=("t4g.small",),
        applications=(Application(name="app", run=Run(exec=("/bin/app",))),),
        front=Front(kind=FrontKind.ELASTIC_IP, ports=(8080, 8443)),
        ha_port=7810,
        http_port=7880,
        start_grace_s=90,
        tolerance=Tolerance(None, 60),
    )


def test_what_is_written_reads_back() -> None:
    fleet = parse_fleet(fleet_to_json(Deployable(name="demo", assemblies=(_assembly("counter"),))))

    counter = fleet.find("demo", "counter")
    assert fleet.deployables() == ("demo",)
    assert counter.front == Front(kind=FrontKind.ELASTIC_IP, ports=(8080, 8443))
    assert counter.tolerance == Tolerance(None, 60)
    assert counter.start_grace_s == 90
    assert counter.on_disagreement is OnDisagreement.REPORT


def test_whom_an_assembly_starts_after_is_kept_and_costs_nothing_where_it_is_nobody() -> None:
    first, second = _assembly("first"), replace(_assembly("second"), after=("first",))
    text = fleet_to_json(Deployable(name="demo", assemblies=(first, second)))

    fleet = parse_fleet(text)

    assert (fleet.find("demo", "first").after, fleet.find("demo", "second").after) == ((), ("first",))
    assert text.count('"a":') == 1


def test_an_unknown_assembly_is_named_with_those_there_are() -> None:
    fleet = parse_fleet(fleet_to_json(Deployable(name="demo", assemblies=(_assembly("counter"),))))

    with pytest.raises(KeyError, match=r"demo/other is not watched here.*demo/counter"):
        fleet.find("demo", "other")


def test_a_fleet_too_big_for_the_environment_is_refused_when_written() -> None:
    many = tuple(_assembly(f"assembly-{i}") for i in range(40))

    with pytest.raises(ValueError, match="40 assemblies take"):
        fleet_to_json(Deployable(name="demo", assemblies=many))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"ha": 0}, "ha is 0"),
        ({"a": "first"}, "a is 'first'"),
        ({"a": [7]}, r"a is \[7\]"),
        ({"ha": True}, "ha is True"),
        ({"p": 8080}, "p is 8080"),
        ({"p": [99999]}, r"p\[0\] is 99999"),
        ({"g": "2m"}, "g is '2m'"),
        ({"f": "pigeon"}, "pigeon"),
        ({"t": [1]}, r"t is \[1\]"),
        ({"t": [-1, 5]}, "failures is -1"),
        ({"n": "No"}, "n is 'No'"),
    ],
)
def test_a_bad_value_is_named_with_its_key(change: dict[str, object], complaint: str) -> None:
    body = json.loads(fleet_to_json(Deployable(name="demo", assemblies=(_assembly("counter"),))))
    body["d"]["demo"][0].update(change)

    with pytest.raises(BadFleet, match=complaint):
        parse_fleet(json.dumps(body))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"v":2,"d":{}}', '{"v":1,"d":{"demo":{}}}', '{"v":1,"d":{"demo":[]}}', '{"v":1,"c":{"demo":"x"},"d":{"demo":[]}}'],
)
def test_text_that_is_no_fleet_is_refused(text: str) -> None:
    with pytest.raises(BadFleet):
        parse_fleet(text)


def _many(many: int) -> tuple[Deployable, str]:
    """A deployable of so many assemblies with an address each, and what its functions are told of them."""
    deployable = Deployable(name="many", assemblies=tuple(_assembly(f"part-{n:02d}") for n in range(many)))
    front = {"kind": "elastic_ip", "allocation_id": "${Token[TOKEN.100]}", "address": "${Token[TOKEN.101]}", "ports": [8080]}
    return deployable, json.dumps({assembly.name: front for assembly in deployable.assemblies}, separators=(",", ":"))


def test_what_fits_the_functions_environment_passes() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html: 4 KB for all variables together."""
    deployable, fronts = _many(20)

    check_environment(deployable, fronts, unknown_bytes=40 * UNKNOWN_BYTES)


def test_what_lambda_would_refuse_is_refused_before_a_deploy() -> None:
    deployable, fronts = _many(30)

    with pytest.raises(ValueError, match=r"many: what .* the fronts of 30 assemblies .* AWS gives 4096: write foundation: NAME"):
        check_environment(deployable, fronts, unknown_bytes=60 * UNKNOWN_BYTES)


def test_a_file_in_the_archive_says_the_same_once_the_networks_range_is_known() -> None:
    deployable, _ = _many(3)

    assert parse_fleet(fleet_file(deployable), cidr=deployable.network.cidr) == parse_fleet(fleet_to_json(deployable))
    with pytest.raises(BadFleet):
        parse_fleet(fleet_file(deployable))


def test_the_numbers_of_recovery_are_told_where_they_differ_and_cost_nothing_where_they_do_not() -> None:
    plain = Deployable(name="demo", assemblies=(_assembly("counter"),))
    changed = replace(plain, recovery=Policy(doubt_s=30, boot_loop=2, fence_timeout_s=900))

    assert '"r"' not in fleet_to_json(plain)
    assert parse_fleet(fleet_to_json(plain)).find("demo", "counter").policy == Policy()
    assert parse_fleet(fleet_to_json(changed)).find("demo", "counter").policy == changed.recovery
    later = {**json.loads(fleet_to_json(changed)), "r": {"demo": {"doubt_s": 30, "of_a_later_version": 1}}}
    assert heard(later).find("demo", "counter").policy == Policy(doubt_s=30)


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"doubt_s": "30"}, r"r.demo: doubt_s is '30': expected a number"),
        ({"boot_loop": 2.5}, "boot_loop is 2.5: expected a whole number"),
        ({"meltdown_share": 2}, "meltdown_share is 2"),
        ({"fence_timeout_s": 4000}, r"fence_timeout_s is 4000: use more than .* and less than incident_s \(3600\)"),
        ([], "r is"),
    ],
)
def test_numbers_of_recovery_that_cannot_be_used_are_named(told: object, complaint: str) -> None:
    body = json.loads(fleet_to_json(Deployable(name="demo", assemblies=(_assembly("counter"),))))

    with pytest.raises(BadFleet, match=complaint):
        parse_fleet(json.dumps({**body, "r": {"demo": told}}))


def test_fronts_that_a_parameter_does_not_hold_are_refused_before_a_deploy() -> None:
    """https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html: 4 KB of a standard one."""
    fronts = json.dumps({f"node-{number}": {"kind": "alb", "address": "?", "groups": ["?"], "ports": [80]} for number in range(20)})

    check_parameter("many", fronts, unknown_bytes=20 * UNKNOWN_BYTES)
    with pytest.raises(ValueError, match=r"many: what is told of its fronts takes about \d+ bytes of a parameter, and AWS gives 4096"):
        check_parameter("many", fronts, unknown_bytes=40 * ARN_BYTES)
