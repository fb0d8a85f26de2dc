"""A node's own protection is taken away on the machine that holds the permit, and put back as it was."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from core.settings import node_settings_to_json, parse_node_settings
from lab.drills.cloud import Cloud
from lab.drills.node_sabotage import in_settings, in_unit
from lab.drills.sabotage import SABOTAGES
from lab.drills.scenes import DRILLS
from lab.machines.units import parse
from spec import load

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = "/opt/understudy/current/agent.json"
UNIT = "/etc/systemd/system/understudy-agent.service"


class Machine:
    """What the lab's control reaches of one machine: files, and runs of its agent; in place of a Cloud."""

    def __init__(self, *, holder: str = "i-1", state: str = "running") -> None:
        demo = load(ROOT / "deployables/demo.yaml")
        self.files = {SETTINGS: node_settings_to_json(demo, "counter"), UNIT: (ROOT / "agent/understudy-agent.service").read_text()}
        self.pid, self.reloads = 100, 0
        self._holder, self._state = holder, state

    def slots(self) -> tuple[str, ...]:
        return ("counter",)

    def permit(self, _slot: str) -> tuple[str, int]:
        return self._holder, 1

    def instances(self, _slot: str) -> tuple[SimpleNamespace, ...]:
        return (SimpleNamespace(id="i-1", state=self._state),)

    def control(self, verb: str, *, instance: str, **a: Any) -> dict[str, Any]:
        assert instance == "i-1"
        match verb:
            case "read":
                if a["path"] not in self.files:
                    raise LookupError("No such file or directory")
                return {"text": self.files[a["path"]]}
            case "write":
                self.files[a["path"]] = a["text"]
            case "run" if a["argv"][0] == "rm":
                del self.files[a["argv"][-1]]
            case "run":
                self.reloads += 1
                return {"code": 0, "out": ""}
            case "agent":
                return {"pid": self.pid}
            case "signal":
                self.pid += 1
        return {}


@pytest.mark.parametrize("name", ["no-probes", "no-thresholds", "no-patience", "no-tolerance", "no-watchdog", "kill-group"])
def test_what_was_taken_away_is_put_back_to_the_letter(name: str) -> None:
    machine = Machine()
    before = dict(machine.files)

    SABOTAGES[name].apply(cast(Cloud, machine))
    assert {path: text for path, text in machine.files.items() if path in before} != before
    SABOTAGES[name].undo(cast(Cloud, machine))

    assert machine.files == before


@pytest.mark.parametrize("name", ["no-probes", "no-thresholds", "no-patience", "no-tolerance"])
def test_an_agent_accepts_the_settings_and_learns_of_them_in_its_next_run(name: str) -> None:
    machine = Machine()

    SABOTAGES[name].apply(cast(Cloud, machine))

    parse_node_settings(machine.files[SETTINGS])
    assert machine.pid == 101


def test_the_unit_has_no_watchdog_or_kills_the_whole_group() -> None:
    machine = Machine()
    in_unit("WatchdogSec", "").apply(cast(Cloud, machine))
    assert parse("understudy-agent.service", machine.files[UNIT]).watchdog_s == float("inf")

    machine = Machine()
    in_unit("KillMode", "KillMode=control-group", anew=False).apply(cast(Cloud, machine))
    assert parse("understudy-agent.service", machine.files[UNIT]).kill_mode == "control-group"
    assert (machine.pid, machine.reloads) == (100, 1), "the agent is not killed: with it its applications would be"


def test_a_setting_that_is_not_there_cannot_be_taken_away() -> None:
    with pytest.raises(LookupError, match="has no proobes"):
        in_settings(proobes=[]).apply(cast(Cloud, Machine()))


@pytest.mark.parametrize("machine", [Machine(holder="i-2"), Machine(state="shutting-down")])
def test_a_machine_without_a_permit_or_on_its_way_out_is_left_as_it_is(machine: Machine) -> None:
    before = json.dumps(machine.files)

    SABOTAGES["no-probes"].apply(cast(Cloud, machine))
    SABOTAGES["no-probes"].undo(cast(Cloud, machine))

    assert json.dumps(machine.files) == before


class Roles:
    """What a Cloud reaches of admit_node and its role."""

    def __init__(self) -> None:
        self.policies: dict[str, str] = {}
        self.clients = {"iam": self, "lambda": self}

    def list_functions(self) -> dict[str, Any]:
        return {"Functions": [{"Handler": "lambdas.admit_node.handler", "Role": "arn:aws:iam::123456789012:role/admit"}]}

    def put_role_policy(self, *, RoleName: str, PolicyName: str, PolicyDocument: str) -> None:
        self.policies[f"{RoleName}/{PolicyName}"] = PolicyDocument

    def list_role_policies(self, *, RoleName: str) -> dict[str, list[str]]:
        return {"PolicyNames": [name.removeprefix(f"{RoleName}/") for name in self.policies]}

    def delete_role_policy(self, *, RoleName: str, PolicyName: str) -> None:
        del self.policies[f"{RoleName}/{PolicyName}"]


def test_no_deploy_is_told_of_a_node_until_its_role_may_say_so_again() -> None:
    roles = Roles()

    SABOTAGES["no-signal"].apply(cast(Cloud, roles))
    [statement] = json.loads(roles.policies["admit/no-signal"])["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "cloudformation:SignalResource")
    SABOTAGES["no-signal"].undo(cast(Cloud, roles))
    SABOTAGES["no-signal"].undo(cast(Cloud, roles))

    assert roles.policies == {}


def test_what_a_drill_is_said_to_find_out_is_a_sabotage_that_there_is() -> None:
    assert {name for drill in DRILLS.values() for name in drill.broken_by} <= set(SABOTAGES)
