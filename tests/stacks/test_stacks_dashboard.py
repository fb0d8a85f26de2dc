"""The one screen: what it shows, of whom, and that only those have it who ask."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from core import names
from core.policy import Policy
from core.recovery.incident import State
from tests.stacks.conftest import ROOT, Synth, Template

FILE = """\
deployable: ledger
assemblies:
  - name: platform
    image: debian-12
    instances: [t4g.small]
    state: {keep: none}
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
  - name: execution
    image: debian-12
    instances: [t4g.small]
    state: {keep: none}
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
"""
BOARD = "AWS::CloudWatch::Dashboard"


def made(synth: Synth, folder: Path, text: str) -> Template:
    folder.mkdir()
    (folder / "ledger.yaml").write_text(text)
    done = synth(folder / "out", folder / "ledger.yaml")
    assert done.returncode == 0, done.stderr
    return Template(json.loads((folder / "out" / "understudy-ledger.template.json").read_text()))


@pytest.fixture(scope="module")
def pair(synth: Synth, tmp_path_factory: pytest.TempPathFactory) -> tuple[Template, Template]:
    """The same file without a dashboard and with one."""
    folder = tmp_path_factory.mktemp("dashboard")
    return made(synth, folder / "without", FILE), made(synth, folder / "with", FILE + "dashboard: true\n")


@pytest.fixture(scope="module")
def template(pair: tuple[Template, Template]) -> Template:
    return pair[1]


def widgets(template: Template) -> list[dict[str, Any]]:
    """Of the screen, with each resource as ${its id}."""
    parts = template.only(BOARD)["DashboardBody"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "${" + (part.get("Ref") or part["Fn::GetAtt"][0]) + "}" for part in parts)
    found: list[dict[str, Any]] = json.loads(text)["widgets"]
    return found


def queries(template: Template) -> dict[str, str]:
    """The queries of the log by the titles of their widgets."""
    return {w["properties"]["title"]: w["properties"]["query"] for w in widgets(template) if w["type"] == "log"}


def test_the_screen_is_all_that_a_file_gets_for_asking(pair: tuple[Template, Template]) -> None:
    without, with_one = pair
    boards = set(with_one.ids(BOARD))

    assert len(boards) == 1
    assert without.of(BOARD) == []
    assert {id_: body for id_, body in with_one.resources.items() if id_ not in boards} == without.resources
    assert "DashboardName" not in with_one.only(BOARD)


def test_every_alarm_is_on_it(template: Template) -> None:
    (board,) = (widget for widget in widgets(template) if widget["type"] == "alarm")

    assert sorted(board["properties"]["alarms"]) == sorted(f"${{{id_}}}" for id_ in template.ids("AWS::CloudWatch::Alarm"))


def test_every_assemblys_verdict_is_on_it_beside_the_sweeps(template: Template) -> None:
    (verdicts,) = (w["properties"]["metrics"] for w in widgets(template) if w["properties"]["title"].startswith("Verdicts"))
    shown = sorted(((namespace, name, dict(_pairs(rest))) for namespace, name, *rest in verdicts), key=str)

    assert shown == [
        (names.METRIC_NAMESPACE, names.METRIC_HEALTHY, {names.DIM_DEPLOYABLE: "ledger", names.DIM_ASSEMBLY: "execution"}),
        (names.METRIC_NAMESPACE, names.METRIC_HEALTHY, {names.DIM_DEPLOYABLE: "ledger", names.DIM_ASSEMBLY: "platform"}),
        (names.METRIC_NAMESPACE, names.METRIC_SWEEPS, {names.DIM_DEPLOYABLE: "ledger"}),
    ]


def _pairs(rest: list[Any]) -> list[tuple[str, str]]:
    """Dimensions of a widget's metric: name, value, name, value, and at the end how it is drawn."""
    texts = [part for part in rest if isinstance(part, str)]
    return list(zip(texts[::2], texts[1::2], strict=True))


def test_queries_read_logs_of_our_own_functions_and_find_the_lines_that_they_print(template: Template) -> None:
    printed = {
        log["Ref"]: _lines(function["Handler"])
        for function in template.of("AWS::Lambda::Function")
        for log in [function["LoggingConfig"]["LogGroup"]]
    }
    for widget in widgets(template):
        if widget["type"] == "log":
            query = widget["properties"]["query"]
            sources = re.findall(r"SOURCE '\$\{(\w+)\}'", query)
            patterns = re.findall(r"what like /(.+?)/", query)
            assert sources
            assert patterns
            for source in sources:
                assert any(re.search(pattern, line) for pattern in patterns for line in printed[source]), (source, query)


def _lines(handler: str) -> list[str]:
    """What a handler's module says, and those beside it that it takes from, with `x` for whatever is filled in."""
    own = (ROOT / (handler.removesuffix(".handler").replace(".", "/") + ".py")).read_text()
    beside = re.findall(r"^from lambdas\.(\w+) import", own, re.MULTILINE)
    source = "\n".join([own, *((ROOT / f"lambdas/{name}.py").read_text() for name in beside if name != "adapters")])
    return [re.sub(r"\{[^}]*\}", "x", text) for text in re.findall(r'log\.say\(ME, f?"([^"]+)"', source)]


def test_an_incidents_line_is_taken_apart_as_it_is_put_together(template: Template) -> None:
    (said,) = {line for line in _lines("lambdas.recover_assembly.handler") if re.match(r"incident x x: ", line)}
    taken = {query for query in queries(template).values() if 'parse what "incident * *: *" as incident, phase, note' in query}

    assert said == "incident x x: x"
    assert len(taken) == 2


def test_the_budget_is_counted_in_its_own_window_and_by_replacements_that_were_begun(template: Template) -> None:
    ((title, query),) = ((title, query) for title, query in queries(template).items() if title.startswith("Budget"))
    policy = Policy()

    assert f"bin({policy.budget_window_s / 60:g}m)" in query
    assert f"at {policy.budget_replacements} " in title
    assert f'phase = "{State.ISOLATING.value}"' in query


def test_it_fits_on_the_screen(template: Template) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html: 24 columns."""
    assert all(widget["x"] + widget["width"] <= 24 for widget in widgets(template))
    assert sum(widget["height"] for widget in widgets(template) if widget["x"] == 0) <= 24
