"""The emulator process: when it starts, when it refuses to, and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from lab.emulator import pin
from tests.lab.emulator_process import ROOT, emulator, server_command


def start(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(server_command(folder, *arguments), cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_it_says_where_it_serves_and_leaves_cleanly_on_sigterm(tmp_path: Path) -> None:
    with emulator(tmp_path) as running:
        ready = json.loads((tmp_path / "ready").read_text())
        assert ready == {"port": int(running.endpoint.rsplit(":", 1)[1]), "pid": running.process.pid}
        running.process.send_signal(signal.SIGTERM)

        assert running.process.wait(timeout=10) == 0
        assert not (tmp_path / "ready").exists()


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = start(tmp_path, "--port", str(port))

    assert ended.returncode == 1
    assert ended.stderr == (
        f"lab.server: cannot listen on 127.0.0.1:{port}: Address already in use; stop what uses it, or choose another with --port\n"
    )


def test_a_missing_folder_is_one_clear_line(tmp_path: Path) -> None:
    ended = start(tmp_path / "none", "--port", "0")

    assert ended.returncode == 1
    assert ended.stderr == f"lab.server: {tmp_path}/none is not a folder: give the lab's folder with --dir\n"


def test_an_unknown_engine_is_one_clear_line(tmp_path: Path) -> None:
    ended = start(tmp_path, "--port", "0", "--engines", "warp")

    assert ended.returncode == 1
    assert ended.stderr.startswith("lab.server: no engine called 'warp': the lab has policy, network")


def test_another_moto_than_the_pinned_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pin, "version", lambda name: "5.2.6")

    with pytest.raises(pin.WrongMoto, match=r"moto 5\.2\.6 is installed: the lab's patches fit moto==5\.2\.5 only"):
        pin.check_pin()


def test_the_pinned_moto_is_installed() -> None:
    pin.check_pin()


def test_nothing_of_a_request_is_written_down(tmp_path: Path) -> None:
    with emulator(tmp_path) as running:
        running.api("ssm").put_parameter(Name="password", Type="SecureString", Value="hunter2")

    assert "hunter2" not in (tmp_path / "server.log").read_text()
    assert "hunter2" not in (tmp_path / "journal.jsonl").read_text()
