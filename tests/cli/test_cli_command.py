"""The command as a user runs it, from another folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commanding import ROOT, understudy, understudy_alone

DEMO = ROOT / "deployables" / "demo.yaml"
BROKEN = """\
deployable: demo
assemblies:
  - name: counter
    image: debian-12
    instances: [t4g.small]
    state: {keep: none}
    mode: pair
    applications:
      - {name: counter, run: {exec: [relative]}}
      - {name: counter, run: {exec: [/bin/true]}}
"""


def test_validate_says_in_words_what_the_file_means(tmp_path: Path) -> None:
    done = understudy_alone("validate", DEMO, cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert "deployable demo" in done.stdout
    assert "a replacement starts with an empty disk" in done.stdout
    assert "restarted 3 times in 5m; at the next, the node asks to be replaced" in done.stdout


def test_validate_prints_the_model_as_json(tmp_path: Path) -> None:
    done = understudy("validate", DEMO, "--json", cwd=tmp_path)

    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert told["valid"] is True
    assert told["deployable"]["assemblies"][0]["front"] == {"kind": "elastic_ip", "ports": [8080], "record": None, "balancer": None}


def test_validate_prints_every_error_with_its_line_and_exits_2(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text(BROKEN)

    done = understudy("validate", "broken.yaml", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    places = [line.split(": ")[0] for line in done.stderr.splitlines() if line.startswith("broken.yaml:")]
    assert places == ["broken.yaml:7", "broken.yaml:9", "broken.yaml:10"]
    assert 'assemblies[0].mode ("pair") is not built yet' in done.stderr
    assert "3 problems in broken.yaml" in done.stderr


def test_validate_prints_every_error_as_json(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text(BROKEN)

    done = understudy("validate", "broken.yaml", "--json", cwd=tmp_path)

    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr, told["valid"]) == (2, "", False)
    assert told["problems"][0] == {
        "key": "assemblies[0].mode",
        "value": '"pair"',
        "line": 7,
        "message": "is not built yet",
        "remedy": "write mode: single; a node that fails is replaced",
    }


def test_validate_tells_what_it_changed_and_that_the_file_is_right(tmp_path: Path) -> None:
    (tmp_path / "demo").symlink_to(ROOT / "deployables" / "demo")
    (tmp_path / "demo.yaml").write_text(
        DEMO.read_text() + '        ha_properties: {mz.ha.enabled: "true", mz.ha.port: "7811", mz.ha.interval: "10"}\n'
    )

    done = understudy("validate", "demo.yaml", cwd=tmp_path)
    told = json.loads(understudy("validate", "demo.yaml", "--json", cwd=tmp_path).stdout)

    line = len((tmp_path / "demo.yaml").read_text().splitlines())
    assert done.returncode == 0
    assert done.stderr == (
        f"demo.yaml:{line}: warning: assemblies[0].applications[0].ha_properties: "
        "mz.ha.interval is 10: raised to 40 seconds, the least there is\n"
    )
    assert "answers on its own HA port: 127.0.0.1 port 7811" in done.stdout
    assert [warning["line"] for warning in told["warnings"]] == [line]


def test_schema_prints_a_json_schema(tmp_path: Path) -> None:
    done = understudy("schema", cwd=tmp_path)

    assert done.returncode == 0
    assert json.loads(done.stdout)["required"] == ["deployable", "assemblies"]


@pytest.mark.parametrize("command", [["drill", "kill-instance", "--deployable"], ["lab", "up", "--deployable"], ["synth"]])
def test_nothing_is_started_on_a_file_that_is_wrong(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text(BROKEN)

    done = understudy(*command, "broken.yaml", cwd=tmp_path)

    assert done.returncode == 2
    assert "3 problems in broken.yaml" in done.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "broken.yaml"]


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    done = understudy("validate", "nowhere.yaml", cwd=tmp_path)

    assert done.returncode == 2
    assert "nowhere.yaml: cannot be read: No such file or directory" in done.stderr


def test_a_drill_without_a_name_is_told_how_to_find_one(tmp_path: Path) -> None:
    done = understudy("drill", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == ["understudy: name at least one drill; `understudy drill --list` says which there are"]


def test_results_that_cannot_be_written_are_noticed_before_the_drill(tmp_path: Path) -> None:
    done = understudy_alone("drill", "kill-instance", "--json", "no/such/folder.json", cwd=tmp_path)

    assert done.returncode == 2
    assert "cannot write" in done.stderr


def test_no_lab_at_all_is_no_number_of_labs(tmp_path: Path) -> None:
    done = understudy("drill", "all", "--labs", "0", cwd=tmp_path)

    assert done.returncode == 2
    assert "argument --labs: invalid choice: 0 (choose from 1, 2" in done.stderr


def test_a_lab_cannot_be_named_after_another_folder(tmp_path: Path) -> None:
    done = understudy("lab", "down", "--name", "../../etc", cwd=tmp_path)

    assert done.returncode == 2
    assert "is not a name" in done.stderr


def test_the_lab_takes_the_place_of_the_command(tmp_path: Path) -> None:
    done = understudy_alone("drill", "no-such-drill", cwd=tmp_path)

    assert done.returncode == 2
    assert "no-such-drill" in done.stderr
    assert "kill-instance" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [[], ["validate"], ["schema"], ["drill"], ["lab"], ["lab", "up"], ["lab", "down"], ["synth"]])
def test_every_command_explains_itself(command: list[str], tmp_path: Path) -> None:
    done = understudy(*command, "--help", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: understudy")


def test_a_reader_who_has_had_enough_is_no_error(tmp_path: Path) -> None:
    command = f'"{sys.executable}" -P "{ROOT}/cli/__main__.py" schema | head -n 1'

    done = subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert (done.stdout, done.stderr) == ("{\n", "")


def test_validate_checks_several_files_as_what_one_account_is_to_hold(tmp_path: Path) -> None:
    shared, tenant = ROOT / "deployables/foundations/shared.yaml", ROOT / "deployables/tenant.yaml"

    good = understudy("validate", shared, tenant, cwd=tmp_path)
    bad = understudy("validate", DEMO, ROOT / "deployables/web.yaml", "--json", cwd=tmp_path)

    assert (good.returncode, good.stdout) == (0, f"{shared} is right\n{tenant} is right\n")
    assert bad.returncode == 2
    assert [(one["valid"], [problem["key"] for problem in one["problems"]]) for one in json.loads(bad.stdout)] == [
        (True, []),
        (False, ["network.cidr"]),
    ]
