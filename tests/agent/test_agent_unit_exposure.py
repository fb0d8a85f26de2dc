"""Every point that systemd-analyze finds open in the agent's unit has a reason, and nothing else has one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from core import names

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "agent" / names.NODE_UNIT
PAGE = ROOT / "docs" / "unit-security.md"
# Each would break an init script, a resource agent, a probe or what they start; the page says how.
NEVER = (
    "MemoryDenyWriteExecute", "SystemCallFilter", "SystemCallArchitectures", "ProtectSystem", "ProtectHome", "PrivateTmp",
    "PrivateDevices", "NoNewPrivileges", "RestrictSUIDSGID", "User", "DynamicUser", "RestrictNamespaces", "RestrictAddressFamilies",
    "ReadOnlyPaths", "InaccessiblePaths", "PrivateMounts", "LockPersonality",
)  # fmt: skip


@pytest.fixture(scope="module")
def points() -> list[dict[str, Any]]:
    """What the tool says of the unit, without a running systemd."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--json=short", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if not done.stdout.startswith("["):
        pytest.skip(f"this systemd-analyze reads no unit offline (systemd 250 or later does): {done.stderr.strip()}")
    return list(json.loads(done.stdout))


def reasons() -> dict[str, str]:
    """Point to reason, by the page: the points of a section are its list, the reason is its text."""
    found: dict[str, str] = {}
    for section in PAGE.read_text().split("\n## ")[1:]:
        listed = re.findall(r"^- `(.+)`$", section, flags=re.MULTILINE)
        text = re.sub(r"^- .*$", "", section.partition("\n")[2], flags=re.MULTILINE).strip()
        for point in listed:
            assert point not in found, f"{point} is listed twice"
            found[point] = text
    return found


def test_every_open_point_has_a_reason(points: list[dict[str, Any]]) -> None:
    explained = reasons()

    assert [point["name"] for point in points if point["set"] is False and len(explained.get(point["name"], "")) < 100] == []


def test_no_reason_is_left_for_a_point_that_is_closed(points: list[dict[str, Any]]) -> None:
    explained = reasons()

    assert [point["name"] for point in points if point["set"] is not False and point["name"] in explained] == []


def test_what_harms_nobody_is_closed(points: list[dict[str, Any]]) -> None:
    closed = {point["name"] for point in points if point["set"]}

    assert closed >= {
        "AmbientCapabilities=",
        "KeyringMode=",
        "Delegate=",
        "NotifyAccess=",
        "CapabilityBoundingSet=~CAP_WAKE_ALARM",
        "CapabilityBoundingSet=~CAP_BLOCK_SUSPEND",
    }


def test_no_application_is_caught_in_the_agents_sandbox() -> None:
    given = {line.partition("=")[0] for line in UNIT.read_text().splitlines() if line[:1].isalpha()}

    assert given & set(NEVER) == set()


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    unit = tmp_path / names.NODE_UNIT
    # It wants the program and the folder to be there; on a node they are.
    text = re.sub(r"^(WorkingDirectory|EnvironmentFile|Documentation)=.*$", "", UNIT.read_text(), flags=re.MULTILINE)
    unit.write_text(text.replace("/usr/bin/python3", "/bin/sh"))

    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert [line for line in done.stderr.splitlines() if names.NODE_UNIT in line] == []
