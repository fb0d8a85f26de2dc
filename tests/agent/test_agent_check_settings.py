"""`python -m agent check-settings FILE`: OK, or what is wrong with it, for a node's settings and for properties of the seed's monitor."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.__main__ import main
from core.application import Application, Probe, Run
from core.settings import node_settings_to_json
from tests.agent.worlds import deployable_of

WELL = Application(name="web", run=Run(exec=("/bin/web",)), probes=(Probe(tcp="127.0.0.1:80"),))


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    return capsys


def settings(folder: Path, text: str, name: str = "agent.json") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_settings_that_can_be_used_are_ok(tmp_path: Path, said: pytest.CaptureFixture[str]) -> None:
    file = settings(tmp_path, node_settings_to_json(deployable_of(WELL), "counter"))

    assert main(["check-settings", file]) == 0
    assert said.readouterr().out == "OK\n"


@pytest.mark.parametrize(
    ("good", "bad", "why"),
    [
        ('"start_grace_s": 120.0', '"start_grace_s": "soon"', "assembly.start_grace_s is 'soon', expected float"),
        ('"start_grace_s": 120.0', '"graceful": 120.0', "assembly.graceful is 120.0: unknown key"),
        ("127.0.0.1:80", "10.0.0.1:80", "asks 10.0.0.1, which is not this node: use 127.0.0.1"),
        ("{", "", "settings are not JSON"),
        ("{", "deployable: ledger #", "use a node's agent.json (`understudy validate` reads a deployable file)"),
    ],
)
def test_what_is_wrong_is_said_by_file_key_and_value(
    good: str, bad: str, why: str, tmp_path: Path, said: pytest.CaptureFixture[str]
) -> None:
    text = node_settings_to_json(deployable_of(WELL), "counter")
    assert good in text
    file = settings(tmp_path, text.replace(good, bad, 1))

    assert main(["check-settings", file]) == 2
    told = said.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"understudy agent: {file}: ")
    assert why in told.err


@pytest.mark.parametrize("name", ["none.json", "none.properties"])
def test_a_file_that_is_not_there_is_named(name: str, tmp_path: Path, said: pytest.CaptureFixture[str]) -> None:
    assert main(["check-settings", str(tmp_path / name)]) == 2
    assert said.readouterr().err.endswith(f"{name}: cannot be read: No such file or directory\n")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        pytest.param("mz.ha.port = 7811\n", "OK: the monitor is off\n", id="off is the default"),
        pytest.param("mz.ha.enabled=true\nmz.ha.port=7811\n", "OK: HA port 7811 on 127.0.0.1, no log\n", id="a port and no counters"),
        pytest.param(
            "! of the EC\nmz.ha.enabled: true\nmz.ha.port: 7811\nmz.ha.host: 10.0.0.7\nmz.ha.log_file: /var/log/ha\n"
            "mz.ha.interval: 60\nmz.ha.min_activations: 5\nmz.ha.max_aborts: 3\nmz.ha.min_activations_for_aborts: 10\n",
            "OK: HA port 7811 on 10.0.0.7, log in /var/log/ha; failing unless, in 60 s, "
            "at least 5 activations; at most 3 aborts once there are 10 activations\n",
            id="counters over their interval",
        ),
        pytest.param(
            "mz.ha.enabled=true\nmz.ha.port=7811\nmz.ha.interval=10\n",
            "warning: mz.ha.interval is 10: raised to 40 seconds, the least there is\nOK: HA port 7811 on 127.0.0.1, no log\n",
            id="an interval that is raised is told",
        ),
        pytest.param(
            "config.properties.mz.ha.enabled=true\n",
            "warning: none of its 1 properties begins with mz.ha.\nOK: the monitor is off\n",
            id="a file of other properties is hardly what was meant",
        ),
    ],
)
def test_properties_are_told_as_they_are_understood(text: str, meaning: str, tmp_path: Path, said: pytest.CaptureFixture[str]) -> None:
    assert main(["check-settings", settings(tmp_path, text, "ec.properties")]) == 0
    assert said.readouterr().out == meaning


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mz.ha.enabled=yes", "mz.ha.enabled is 'yes': use true or false"),
        ("mz.ha.enabled=true", "mz.ha.port is '': it is mandatory"),
        ("mz.ha.enable=true", "mz.ha.enable is 'true': there is no such property"),
        ("a=\\u12", "line 1 of the properties has '\\\\u12'"),
    ],
)
def test_properties_that_are_wrong_are_named(text: str, why: str, tmp_path: Path, said: pytest.CaptureFixture[str]) -> None:
    assert main(["check-settings", settings(tmp_path, text, "ec.properties")]) == 2
    told = said.readouterr()
    assert told.out == ""
    assert f"ec.properties: {why}" in told.err


def test_a_properties_file_is_in_latin_1_as_java_has_it(tmp_path: Path, said: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ec.properties").write_bytes(b"# Z\xfcrich\nmz.ha.enabled=false\n")

    assert main(["check-settings", str(tmp_path / "ec.properties")]) == 0
    assert said.readouterr().out == "OK: the monitor is off\n"
