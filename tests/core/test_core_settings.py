"""The node's settings: the same model comes back, and whatever is wrong is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from core.application import HaPort, Run
from core.model import Application, Artifact, Assembly, Deployable, Front, FrontKind, Probe, Tolerance
from core.settings import BadSettings, NodeSettings, node_settings_to_json, parse_node_settings, start_order


def ledger(**changes: Any) -> Deployable:
    application = Application(
        name="ledger",
        run=Run(exec=("/opt/ledger/bin/ledger", "--port", "8080")),
        install=Artifact(source="./dist", to="/opt/ledger"),
        environment=(("LEDGER_LOG", "info"),),
        ha=HaPort(port=7811),
        probes=(Probe(tcp="127.0.0.1:8080"), Probe(http="http://127.0.0.1:8080/healthz", every_s=1, timeout_s=0.5)),
        tolerance=Tolerance(None, 60.0),
    )
    sidecar = Application(name="sidecar", run=Run(exec=("/bin/sidecar",)), after=("ledger",))
    assembly = Assembly(
        name="scheduler",
        image="debian-12",
        instances=("t4g.small",),
        applications=(sidecar, application),
        front=Front(kind=FrontKind.ELASTIC_IP, ports=(8080,)),
        ha_port=7810,
        http_port=7880,
    )
    return Deployable(name="ledger", assemblies=(assembly,), **changes)


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    value = json.loads(node_settings_to_json(ledger(), "scheduler"))
    change(value)
    return json.dumps(value)


def test_what_is_written_is_what_is_read() -> None:
    text = node_settings_to_json(ledger(), "scheduler")

    assert parse_node_settings(text) == NodeSettings(deployable="ledger", assembly=ledger().assembly("scheduler"))
    assert text == node_settings_to_json(ledger(), "scheduler")


def test_an_unknown_assembly_is_named() -> None:
    with pytest.raises(KeyError, match="no assembly 'other'"):
        node_settings_to_json(ledger(), "other")


def test_a_key_left_out_takes_the_models_default() -> None:
    text = changed(lambda value: value["assembly"].pop("start_grace_s"))

    assert parse_node_settings(text).assembly.start_grace_s == 120.0


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param(lambda v: v.update(version=9), "version is 9", id="newer version"),
        pytest.param(lambda v: v.update(colour="red"), "colour is 'red': unknown key", id="unknown key"),
        pytest.param(lambda v: v.pop("deployable"), "deployable is missing", id="missing key"),
        pytest.param(lambda v: v["assembly"].update(ha_port="x"), r"assembly.ha_port is 'x', expected int", id="wrong type"),
        pytest.param(lambda v: v["assembly"].update(ha_port=True), r"assembly.ha_port is True, expected int", id="bool is no int"),
        pytest.param(lambda v: v["assembly"]["front"].update(kind="pigeon"), r"assembly.front.kind is 'pigeon'", id="unknown word"),
        pytest.param(lambda v: v["assembly"].update(applications=[]), r"assembly.applications is \[\]", id="no application"),
        pytest.param(
            lambda v: v["assembly"]["applications"][1]["probes"][0].update(timeout_s=9),
            r"assembly.applications\[1\].probes\[0\]: probe.timeout is 9 s",
            id="the model's own check",
        ),
        pytest.param(
            lambda v: v["assembly"]["applications"][1].update(environment=[["A"]]),
            r"environment\[0\] is \['A'\], expected 2 values",
            id="half a pair",
        ),
        pytest.param(lambda v: v["assembly"]["applications"][0].update(after=["nobody"]), "after is 'nobody'", id="after somebody unknown"),
        pytest.param(lambda v: v["assembly"]["applications"][1].update(after=["sidecar"]), "wait for each other", id="a circle of after"),
        pytest.param(lambda v: v["assembly"]["applications"][0].update(name="ledger"), "not unique", id="a name twice"),
        pytest.param(lambda v: v["assembly"]["applications"][0].update(run={"exec": []}), "name a program", id="no command"),
    ],
)
def test_a_bad_setting_is_refused_by_key_and_value(change: Callable[[dict[str, Any]], object], complaint: str) -> None:
    with pytest.raises(BadSettings, match=complaint):
        parse_node_settings(changed(change))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "x" * 1_000_001])
def test_what_is_no_settings_file_is_refused(text: str) -> None:
    with pytest.raises(BadSettings, match="settings are"):
        parse_node_settings(text)


def test_applications_start_after_those_they_name() -> None:
    assert start_order(ledger().assembly("scheduler")) == ("ledger", "sidecar")


@pytest.mark.parametrize(
    ("key", "raw", "complaint"),
    [
        ("start_grace_s", "NaN", "NaN is no number of JSON"),
        ("start_grace_s", "-Infinity", "-Infinity is no number of JSON"),
        ("start_grace_s", "1e999", "assembly.start_grace_s is inf, expected a number that can be counted with"),
        ("start_grace_s", f"1{'0' * 400}", "expected a number that can be counted with"),
        ("image", '"a\\u0000b"', "expected a text without NUL"),
        ("image", '"\\ud800"', "half characters"),
        ("name", '"../../etc"', "assembly.name is '../../etc': use 1 to 32 lower-case letters"),
    ],
)
def test_what_json_lets_pass_and_a_node_could_not_use_is_refused(key: str, raw: str, complaint: str) -> None:
    with pytest.raises(BadSettings, match=re.escape(complaint)):
        parse_node_settings(changed(lambda value: value["assembly"].update({key: "HERE"})).replace('"HERE"', raw))
