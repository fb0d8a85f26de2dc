"""What deployables register of themselves at a foundation, and the fleet that they make together."""

from __future__ import annotations

import json

import pytest

from core.model import Assembly, Deployable, Network
from core.watching.fleet import BadFleet, fleet_to_json
from core.watching.register import heard, read_register

PATH = "/understudy/shared/deployables"


def texts(*names: str) -> dict[str, str]:
    """As the stacks of so many deployables of one assembly register them."""
    found = {}
    for number, name in enumerate(names):
        assembly = Assembly(name="app", image="debian-12", instances=("t4g.small",), applications=(), ha_port=7810, http_port=7880)
        deployable = Deployable(name=name, assemblies=(assembly,), network=Network(cidr=f"10.{number}.0.0/16"))
        found[f"{PATH}/{name}/fleet"] = fleet_to_json(deployable)
        found[f"{PATH}/{name}/fronts"] = json.dumps({"app": {"kind": "none"}})
    return found


def test_the_fleet_is_that_of_all_who_registered() -> None:
    register, bad = read_register(texts("one", "two"))

    assert bad == ()
    assert [(watched.deployable, watched.name) for watched in register.fleet.assemblies] == [("one", "app"), ("two", "app")]
    assert str(register.fleet.networks["two"]) == "10.1.0.0/16"
    assert register.fronts["two"] == {"app": {"kind": "none"}}


def test_a_foundation_may_stand_empty() -> None:
    register, bad = read_register({})

    assert (register.fleet.assemblies, bad) == ((), ())


def test_what_is_told_on_is_heard_as_it_was_read() -> None:
    register, _ = read_register(texts("one", "two"))

    assert heard(register.told()) == register.fleet
    assert heard(register.told("two")).deployables() == ("two",)


def test_who_has_registered_by_half_is_not_looked_after_yet() -> None:
    half = texts("one", "two")
    del half[f"{PATH}/one/fronts"]

    assert read_register(half)[0].fleet.deployables() == ("two",)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (f"{PATH}/one/fleet", "{", "fleet is not JSON"),
        (f"{PATH}/one/fleet", texts("two")[f"{PATH}/two/fleet"], "speaks of two, not of one alone"),
        (f"{PATH}/one/fronts", "[]", "expected an object"),
        (f"{PATH}/one/other", "{}", "ends in none of fleet, fronts, volumes, database"),
    ],
)
def test_one_bad_entry_is_told_of_and_does_not_hide_the_others(name: str, text: str, said: str) -> None:
    register, (bad,) = read_register({**texts("one", "two"), name: text})

    assert name in bad
    assert said in bad
    assert "two" in register.fleet.deployables()


def test_a_message_without_a_fleet_is_refused() -> None:
    with pytest.raises(BadFleet):
        heard({"v": 1})


def test_each_deployable_keeps_its_own_numbers_of_recovery() -> None:
    told = texts("one", "two")
    told[f"{PATH}/two/fleet"] = json.dumps({**json.loads(told[f"{PATH}/two/fleet"]), "r": {"two": {"doubt_s": 30.0}}})

    register, _ = read_register(told)

    assert [watched.policy.doubt_s for watched in register.fleet.assemblies] == [60.0, 30.0]
    assert heard(register.told("two")).find("two", "app").policy.doubt_s == 30.0
