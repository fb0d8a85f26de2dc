"""The docs say what the code says: tables made from it, commands that exist, links that lead somewhere."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.check_settings import read_settings
from agent.counting import Counting
from agent.probes import check_probe
from agent.rehearse import rehearse_file
from core.application import Application, Run
from core.bounds import Counters
from core.model import Verdict
from core.node.ha_port import LineReader, Told, View, answer
from core.node.observations import parse, settings_of
from core.node.thresholds import Measures
from core.settings import node_settings_to_json, parse_node_settings
from spec import load
from spec.application import ApplicationSection
from tests.agent.test_agent_haproxy import CONFIGURATION, HAPROXY
from tools import agent_tables, lab_tables, recovery_tables
from tools.page import written

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_tables_of_drills_sabotages_and_delays_are_those_of_the_code() -> None:
    page = lab_tables.PAGE.read_text()

    assert page == written(page, lab_tables.TABLES), "run: .venv/bin/python tools/lab_tables.py"


def test_the_rules_of_the_incident_and_their_diagram_are_those_of_the_code() -> None:
    page = recovery_tables.PAGE.read_text()

    assert {"diagram", "rules"} <= set(re.findall(r"<!-- table: ([\w-]+) -->", page))
    assert page == written(page, recovery_tables.TABLES), "run: .venv/bin/python tools/recovery_tables.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()) if "://" not in target]

    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_make_targets_of_the_readme_exist() -> None:
    made = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", (ROOT / "README.md").read_text(), flags=re.MULTILINE))

    assert named
    assert named <= made


def test_the_commands_of_the_readme_are_commands() -> None:
    named = set(re.findall(r"^understudy ([a-z]+)", (ROOT / "README.md").read_text(), flags=re.MULTILINE))
    told = subprocess.run([sys.executable, "-m", "cli", "--help"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True).stdout

    assert named
    assert all(re.search(rf"\b{name}\b", told) for name in named)


def test_the_readme_shows_a_real_timeline() -> None:
    text = (ROOT / "README.md").read_text()

    assert re.search(r"^\s+0\.\d\d s  drill", text, flags=re.MULTILINE)
    assert re.search(r"recover_assembly\s.*\brecovered\b", text)


# --- docs/agent.md ---------------------------------------------------------------------------------------------------

AGENT = agent_tables.PAGE


def blocks(language: str) -> list[str]:
    """What stands between fences of that language in docs/agent.md."""
    return re.findall(rf"^```{language}\n(.*?)^```$", AGENT.read_text(), flags=re.MULTILINE | re.DOTALL)


def test_the_tables_of_the_agent_are_those_of_the_code() -> None:
    assert AGENT.read_text() == written(AGENT.read_text(), agent_tables.TABLES), "run: .venv/bin/python tools/agent_tables.py"


def test_every_table_of_the_agent_is_shown() -> None:
    shown = set(re.findall(r"<!-- table: ([\w-]+) -->", AGENT.read_text()))
    in_one = {name for name in agent_tables.TABLES if name.endswith("Level")}  # in `threshold-levels`

    assert set(agent_tables.TABLES) - in_one == shown


def whole(fragment: str) -> dict[str, Any]:
    """A fragment of settings as a deployable file: keys of an assembly, or of an application, are put where they belong."""
    given = yaml.safe_load(fragment)
    if "deployable" in given:
        return dict(given)
    application: dict[str, Any] = {"name": "ledger", "run": {"exec": ["/bin/ledger"]}}
    assembly: dict[str, Any] = {"name": "scheduler", "image": "debian-12", "instances": ["t4g.small"], "state": {"keep": "none"}}
    (application if given.keys() <= ApplicationSection.model_fields.keys() else assembly).update(given)
    return {"deployable": "ledger", "assemblies": [{**assembly, "applications": [application]}]}


@pytest.mark.parametrize("fragment", blocks("yaml"), ids=lambda fragment: fragment.split(":")[0])
def test_every_fragment_of_settings_is_one_that_can_be_used(fragment: str, tmp_path: Path) -> None:
    file = tmp_path / "deployable.yaml"
    file.write_text(yaml.safe_dump(whole(fragment)))
    deployable = load(file)

    for application in deployable.assemblies[0].applications:
        for probe in application.probes:
            check_probe(probe)
    assert parse_node_settings(node_settings_to_json(deployable, "scheduler"))


def test_the_rehearsal_says_what_is_printed_below_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "deployable.yaml"
    file.write_text(blocks("yaml")[0])
    (tmp_path / "agent.json").write_text(node_settings_to_json(load(file), "scheduler"))
    [recording] = blocks("json")
    (tmp_path / "recording").write_text(recording)

    assert rehearse_file(str(tmp_path / "recording"), None, read_settings) == 0
    assert capsys.readouterr().out in blocks("")


def test_every_form_of_a_recording_that_is_shown_can_be_played_and_every_measure_is_named() -> None:
    [section] = re.findall(r"^### Recordings\n(.*?)^## ", AGENT.read_text(), flags=re.MULTILINE | re.DOTALL)
    forms = re.findall(r"^\| `(\{.*?\})` \|", section, flags=re.MULTILINE)

    assert settings_of(forms[0])
    assert all(parse(line, number) for number, line in enumerate(forms[1:], 2))
    assert {field.name for field in fields(Measures)} <= set(re.findall(r"`(\w+)`", section))


def test_the_session_at_the_ha_port_is_a_real_one() -> None:
    [session] = [block for block in blocks("") if block.startswith("> help")]
    view = View(subject=Told(Verdict.HEALTHY), applications={"ledger": Told(Verdict.HEALTHY)}, status={})
    lines, played = LineReader(), []
    for line in session.splitlines():
        if line.startswith("> "):
            played.append(line)
            [heard] = lines.feed(line[2:].encode() + b"\r\n")
            played += [f"< {said}" for said in answer(heard, view).text.splitlines()]

    assert "\n".join(played) + "\n" == session


def test_haproxy_is_set_up_as_the_real_one_was(tmp_path: Path) -> None:
    def words(text: str) -> list[str]:
        [line] = [line for line in text.splitlines() if "agent-check" in line]
        return [word for word in line.replace("\\\\", "\\").split() if not re.match(r"[\d{]", word)]

    [shown] = [block for block in blocks("") if block.startswith("backend ")]

    assert words(shown) == words(CONFIGURATION)
    if HAPROXY is not None:
        defaults = "defaults\n mode tcp\n timeout connect 1s\n timeout client 5s\n timeout server 5s\n"
        clients = "frontend clients\n bind 127.0.0.1:1\n default_backend ledger\n"
        (tmp_path / "haproxy.cfg").write_text(f"{defaults}{shown}{clients}")
        subprocess.run([HAPROXY, "-c", "-f", str(tmp_path / "haproxy.cfg")], check=True, capture_output=True, timeout=30)


def test_the_counter_that_is_shown_arrives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [example] = blocks("python")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "counters"))
        listener.settimeout(5)
        monkeypatch.setenv("UNDERSTUDY_COUNTERS", str(tmp_path / "counters"))
        exec(compile(example, str(AGENT), "exec"), {})  # noqa: S102  # it is our own page's
        datagram = listener.recv(100)

    counting = Counting(Application(name="ledger", run=Run(exec=("/bin/ledger",)), counters=Counters()), folder=tmp_path)
    counting.heed(datagram)
    assert counting.totals == {"activations": 1}


def test_every_row_of_a_table_written_by_hand_has_as_many_cells_as_its_head() -> None:
    tables = re.findall(r"(?:^\|.*\|\n)+", AGENT.read_text(), flags=re.MULTILINE)
    cells = [{len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()} for table in tables]

    assert tables
    assert all(len(counts) == 1 for counts in cells)


def test_the_commands_of_the_agent_that_are_shown_exist() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "agent", "--help"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    ).stdout
    named = set(re.findall(r"python3? -m agent ([a-z-]+)", AGENT.read_text()))

    assert named >= {"run", "check-settings", "why", "rehearse"}
    assert all(re.search(rf"^    {name}\b", told, flags=re.MULTILINE) for name in named)
