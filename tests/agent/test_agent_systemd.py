"""What systemd says of the machine: it goes down for good, it comes back, or the agent alone is stopped."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from agent import systemd
from agent.systemd import GoingDown, going_down


def answer(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A systemctl that does this, first on the path."""
    program = folder / "systemctl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        pytest.param("12 poweroff.target start waiting\n13 systemd-poweroff.service start waiting", GoingDown.FOR_GOOD, id="power off"),
        pytest.param("12 halt.target start waiting", GoingDown.FOR_GOOD, id="halt"),
        pytest.param("9 exit.target start waiting", GoingDown.FOR_GOOD, id="a container that ends"),
        pytest.param("12 reboot.target start waiting\n13 shutdown.target start waiting", GoingDown.COMES_BACK, id="reboot"),
        pytest.param("12 kexec.target start waiting", GoingDown.COMES_BACK, id="kexec"),
        pytest.param("12 soft-reboot.target start waiting", GoingDown.COMES_BACK, id="soft reboot"),
        pytest.param("1 reboot.target start waiting\n2 poweroff.target start waiting", GoingDown.FOR_GOOD, id="both"),
        pytest.param("12 understudy-agent.service restart running", GoingDown.NO, id="the agent alone"),
        pytest.param("12 poweroff.target stop waiting", GoingDown.NO, id="somebody changed their mind"),
        pytest.param("12 my-poweroff.target start waiting", GoingDown.NO, id="another target"),
        pytest.param("No jobs running.", GoingDown.NO, id="no jobs"),
        pytest.param("", GoingDown.NO, id="nothing"),
    ],
)
def test_what_becomes_of_the_machine_is_read_from_the_jobs(
    jobs: str, expected: GoingDown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(tmp_path, monkeypatch, f"[ \"$1\" = list-jobs ] && cat <<'END'\n{jobs}\nEND")

    assert going_down() is expected


def test_a_systemd_that_does_not_answer_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(tmp_path, monkeypatch, "exec sleep 30")
    monkeypatch.setattr(systemd, "ASK_TIMEOUT_S", 0.1)
    began_s = time.monotonic()

    assert going_down() is GoingDown.NO
    assert time.monotonic() - began_s < 20


def test_an_answer_that_is_no_text_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(tmp_path, monkeypatch, "printf '1 \\377 start waiting\\n'")

    assert going_down() is GoingDown.NO
