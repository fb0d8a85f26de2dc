"""What the drills of the ladder lean on: curses on newcomers, what people were told, releases that crash; with a cloud in a few lines."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lab.drills import place_scenes
from lab.drills.cloud import Cloud, Instance, Slot
from lab.drills.newcomers import Curse, crashes_at_start, dies_at_boot, program_of
from lab.drills.people import paged, told
from lab.drills.stage import Stage
from lab.drills.variants import crashing, two_in_order, vary
from spec import load

ROOT = Path(__file__).resolve().parents[2]
SLOT = Slot("demo", "counter", "group", "198.51.100.10", (8080,))
SERVER = ("/usr/bin/python3", "-u", "/opt/counter.py", "/var/lib/counter")


class Machines:
    """EC2 with two machines, and the lab's hands on one of them, which has a program; in place of a Cloud."""

    def __init__(self) -> None:
        self.files = {"/opt/counter.py": "print('well')\n"}
        self.killed: list[int] = []
        self.terminated: list[str] = []
        self.clients = {"ec2": self}

    def instances(self, _slot: Slot) -> tuple[Instance, ...]:
        states = {"i-old": "running", "i-new": "running", "i-coming": "pending", "i-dead": "terminated"}
        return tuple(Instance(id_, state, "10.0.0.1", "-") for id_, state in states.items() if id_ not in self.terminated)

    def terminate_instances(self, *, InstanceIds: list[str], **_: object) -> None:
        self.terminated += InstanceIds

    def control(self, verb: str, *, instance: str, **a: Any) -> dict[str, Any]:
        if instance not in ("i-old", "i-new"):
            raise LookupError(f"{instance} is off")
        match verb:
            case "read" if a["path"] not in self.files:
                raise LookupError("No such file or directory")
            case "read":
                return {"text": self.files[a["path"]]}
            case "write":
                self.files[a["path"]] = a["text"]
            case "processes":
                return {"processes": [{"pid": 7, "argv": list(SERVER)}, {"pid": 8, "argv": ["/bin/other"]}]}
            case "signal":
                self.killed.append(a["pid"])
        return {}


def stage_with(tmp_path: Path, machines: Machines | None = None, *lines: dict[str, Any]) -> Stage:
    """A stage that is only read from: its watchers are never started."""
    journal = tmp_path / "journal.jsonl"
    journal.write_text("".join(json.dumps({"kind": "event", **line}) + "\n" for line in lines))
    return Stage(cast(Cloud, machines), SLOT, journal)


def test_a_boot_loop_takes_the_newcomers_that_run_and_spares_who_was_there(tmp_path: Path) -> None:
    machines = Machines()
    stage = stage_with(tmp_path, machines)

    with Curse(stage, dies_at_boot(stage, frozenset({"i-old"}))):
        until = time.monotonic() + 10
        while not machines.terminated and time.monotonic() < until:
            time.sleep(0.02)

    assert machines.terminated == ["i-new"]


def test_a_crash_loop_spoils_the_program_once_on_each_machine_that_has_it_and_ends_what_runs(tmp_path: Path) -> None:
    machines = Machines()
    strike = crashes_at_start(stage_with(tmp_path, machines), "/opt/counter.py")

    for instance in [*machines.instances(SLOT), *machines.instances(SLOT)]:
        try:
            strike(instance)
        except LookupError:
            assert instance.id in ("i-coming", "i-dead")

    assert machines.files == {"/opt/counter.py": "raise SystemExit(1)\n"}
    assert machines.killed == [7, 7]


def test_the_program_of_a_command_line_is_the_script_and_not_its_interpreter_or_its_data(tmp_path: Path) -> None:
    stage = stage_with(tmp_path, Machines())

    assert program_of(stage, "i-old", SERVER) == "/opt/counter.py"
    with pytest.raises(LookupError, match="names no script"):
        program_of(stage, "i-old", ("/opt/server", "--port", "8080"))


def test_only_what_reached_the_topic_about_an_assembly_counts_as_told(tmp_path: Path) -> None:
    def message(at: float, subject: str) -> dict[str, Any]:
        return {"at": at, "who": "topic", "what": f"topic: [understudy] {subject}", "topic": "arn", "message": "text"}

    stage = stage_with(
        tmp_path,
        None,
        message(9.0, "demo/counter: recovered"),
        message(11.0, "demo/counter: replacing i-1"),
        message(12.0, "demo/other: a person is needed"),
        message(13.0, "demo/counter: a person is needed"),
        {"at": 13.0, "who": "topic", "what": 'topic: OK: "AlarmsWatcher" in US East', "topic": "arn", "message": "text"},
        {"at": 13.1, "who": "topic", "what": "e-mail to ops@example.com: demo/counter: a person is needed", "message": "text"},
    )

    assert [m.at for m in told(stage, 10.0)] == [11.0, 13.0]
    assert [m.at for m in paged(stage, 10.0)] == [13.0]
    assert [m.at for m in paged(stage, 10.0, about="*")] == [12.0, 13.0]


def test_a_crashing_release_is_the_same_deployable_with_its_artifacts_beside_it(tmp_path: Path) -> None:
    demo = load(ROOT / "deployables/demo.yaml")

    made = load(vary(ROOT / "deployables/demo.yaml", tmp_path, crashing))

    assert (made.name, made.assemblies[0].name) == (demo.name, demo.assemblies[0].name)
    assert made.assemblies[0].applications[0].run.exec == ("/bin/false",)
    assert (tmp_path / "demo/counter.py").read_text() == (ROOT / "deployables/demo/counter.py").read_text()


def test_the_deployable_of_two_absorbs_no_failure_and_starts_in_order(tmp_path: Path) -> None:
    made = load(vary(ROOT / "deployables/demo.yaml", tmp_path, two_in_order))

    assert [(a.name, a.after, a.tolerance.failures) for a in made.assemblies] == [("first", (), 0), ("second", ("first",), 0)]


class OneGroup:
    """What a Stage reaches of one group and the subnets of its network; a subnet is named after its zone."""

    slot = SimpleNamespace(group="g")

    def __init__(self, *, now: str, kept: str | None = None) -> None:
        self._group = {"VPCZoneIdentifier": now, "Tags": [{"Key": "lab:subnets", "Value": kept}] if kept else []}
        self.cloud, self.clients = self, {"autoscaling": self, "ec2": self}

    def describe_auto_scaling_groups(self, **_: object) -> dict[str, Any]:
        return {"AutoScalingGroups": [self._group]}

    def describe_subnets(self, *, SubnetIds: list[str]) -> dict[str, Any]:
        return {"Subnets": [{"SubnetId": subnet, "AvailabilityZone": f"zone-{subnet}"} for subnet in SubnetIds]}


def test_a_drill_of_places_goes_by_the_zones_of_the_template_also_while_one_is_taken_away() -> None:
    """It is played to see that it fails then: told of one zone only it would not be played at all."""
    assert place_scenes._zones(cast(Stage, OneGroup(now="a,b"))) == ["zone-a", "zone-b"]
    assert place_scenes._zones(cast(Stage, OneGroup(now="a", kept="a,b"))) == ["zone-a", "zone-b"]
