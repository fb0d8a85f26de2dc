"""The systemd unit agrees with the numbers in the code."""

from __future__ import annotations

import configparser
from pathlib import Path

from agent.cycle import CYCLE_S_MAX, STUCK_AFTER_S
from agent.reporter import EVERY_S, EVIDENCE_S_MAX
from core import names
from core.node.decision import LEAVE_BUDGET_S

UNIT = Path(__file__).parents[2] / "agent" / names.NODE_UNIT
TWO_CALLS_S = 2 * 2 * (2 + 2)  # two reports, two attempts each, 2 s to connect and 2 s to answer


def service() -> dict[str, str]:
    text = "\n".join(line for line in UNIT.read_text().splitlines() if not line.startswith("Environment=PYTHONDONT"))
    unit = configparser.ConfigParser(strict=True, interpolation=None, comment_prefixes=("#",))
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(text)
    return dict(unit["Service"])


def test_the_watchdog_waits_for_two_cycles_and_for_what_livez_calls_stuck() -> None:
    assert float(service()["WatchdogSec"]) > STUCK_AFTER_S > 1.5 * CYCLE_S_MAX
    assert float(service()["WatchdogSec"]) >= 2 * CYCLE_S_MAX, "half of it, as sd_watchdog_enabled(3) has it"


def test_systemd_waits_for_the_agents_own_last_word() -> None:
    assert float(service()["TimeoutStopSec"]) > LEAVE_BUDGET_S + 2 + TWO_CALLS_S + EVIDENCE_S_MAX


def test_applications_live_on_when_the_agent_ends_whatever_ends_it() -> None:
    """systemd.kill(5), KillMode=; systemd.service(5), OOMPolicy= and WatchdogSignal="""
    assert service()["KillMode"] == "process", "the next agent adopts them; it alone stops them"
    assert service()["OOMPolicy"] == "continue", "one of its children that is killed for memory does not stop the unit"
    assert service()["WatchdogSignal"] == "SIGKILL", "an interpreter that hangs is not asked for a core dump"
    assert (service()["RuntimeDirectory"], service()["RuntimeDirectoryPreserve"]) == ("understudy", "yes")


def test_the_agent_is_the_last_to_suffer_when_memory_is_short() -> None:
    """systemd.resource-control(5): a floor of memory holds only where every group around it has one."""
    assert service()["Slice"] == "-.slice"
    assert service()["MemoryMin"] == "64M"
    assert int(service()["OOMScoreAdjust"]) < 0


def test_a_full_or_read_only_disk_does_not_keep_systemd_from_starting_the_agent() -> None:
    assert "StateDirectory" not in service()
    assert "LogsDirectory" not in service()


def test_the_agent_comes_back_whatever_happens_before_anybody_misses_its_reports() -> None:
    assert service()["Restart"] == "always"
    assert float(service()["RestartSec"]) < EVERY_S
    assert "StartLimitIntervalSec=0" in UNIT.read_text()


def test_the_unit_runs_the_bundle_where_it_is_unpacked() -> None:
    assert service()["WorkingDirectory"] == f"{names.NODE_HOME}/current/agent"
    assert service()["EnvironmentFile"] == f"{names.NODE_ETC}/agent.env"
    assert service()["ExecStart"].endswith("-m agent run")
