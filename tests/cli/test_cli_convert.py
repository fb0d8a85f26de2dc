"""`understudy convert` as a user runs it: YAML on one channel, what there is to know on the other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.commanding import ROOT, understudy

EXAMPLE = ROOT / "deployables" / "wordpress.xml"
PCLOUDSH = ROOT / "tests" / "spec" / "seed_xml" / "pcloudsh.xml"
OPTIONS = ("--image", "debian-12", "--instances", "t4g.small,t4g.medium", "--keep", "none")


def test_what_it_prints_can_be_validated_and_where_meanings_differ_is_said_beside_it(tmp_path: Path) -> None:
    done = understudy("convert", EXAMPLE, cwd=tmp_path)
    (tmp_path / "made.yaml").write_text(done.stdout)

    assert done.returncode == 0
    note = f'{EXAMPLE}:8: note: assemblies[0].tolerance: escalation_failures="3" means that failure 3 escalates: 2 before it absorbed'
    assert note in done.stderr.splitlines()
    assert '# Line 8: escalation_failures="3" means' in done.stdout
    assert understudy("validate", "made.yaml", cwd=tmp_path).returncode == 0


def test_what_is_left_to_fill_in_is_marked_and_listed_and_no_failure(tmp_path: Path) -> None:
    done = understudy("convert", PCLOUDSH, cwd=tmp_path)

    assert done.returncode == 0
    assert "image: FILL-IN" in done.stdout
    assert f"{PCLOUDSH}:4: to fill in: assemblies[0].image: fill in what the machine starts from" in done.stderr


def test_options_say_what_the_xml_does_not(tmp_path: Path) -> None:
    done = understudy("convert", PCLOUDSH, *OPTIONS, "--ports", "assy_2=80,443", cwd=tmp_path)
    (tmp_path / "made.yaml").write_text(done.stdout)

    told = json.loads(understudy("validate", "made.yaml", "--json", cwd=tmp_path).stdout)
    assert "FILL-IN" not in done.stdout
    assert told["deployable"]["assemblies"][1]["front"] == {"kind": "elastic_ip", "ports": [80, 443], "record": None, "balancer": None}


def test_as_json_it_prints_yaml_notes_and_what_is_missing(tmp_path: Path) -> None:
    told = json.loads(understudy("convert", PCLOUDSH, "--json", cwd=tmp_path).stdout)

    assert told["valid"] is True
    assert told["yaml"].startswith("# Made of pcloudsh.xml")
    assert {"key", "line", "message"} == set(told["notes"][0]) == set(told["missing"][0])
    assert told["data"]["deployable"] == "dep1"


@pytest.mark.parametrize("command", ["convert", "validate", "synth"])
def test_a_bomb_is_refused_in_one_clear_line(command: str, tmp_path: Path) -> None:
    (tmp_path / "bomb.xml").write_text('<!DOCTYPE d [\n<!ENTITY a "aaaa">\n<!ENTITY b "&a;&a;">\n]>\n<d>&b;</d>')

    done = understudy(command, "bomb.xml", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert "bomb.xml:2: declares the entity a: entities are not read, a few lines of them can mean gigabytes (an XML bomb)" in done.stderr


def test_errors_are_told_as_for_any_other_file(tmp_path: Path) -> None:
    (tmp_path / "d.xml").write_text('<deployable name="d">\n<assemblies/>\n</deployable>')

    done = understudy("convert", "d.xml", cwd=tmp_path)
    told = json.loads(understudy("convert", "d.xml", "--json", cwd=tmp_path).stdout)

    assert (done.returncode, done.stdout) == (2, "")
    assert "d.xml:2: deployable/assemblies lacks <assembly>" in done.stderr
    assert told["problems"][0]["line"] == 2


@pytest.mark.parametrize("ports", ["db", "=80", "db=", "db=http", "db=0", "db=99999999999"])
def test_ports_that_are_none_are_refused_on_the_command_line(ports: str, tmp_path: Path) -> None:
    done = understudy("convert", EXAMPLE, "--ports", ports, cwd=tmp_path)

    assert done.returncode == 2
    assert "is not ASSEMBLY=PORT" in done.stderr


def test_the_command_explains_itself(tmp_path: Path) -> None:
    done = understudy("convert", "--help", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert "FILL-IN" in done.stdout
