"""The little programs behind `make setup` and `make test`."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHECK = ROOT / "tools" / "check-machine"


def fake(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_a_machine_with_everything_gets_its_python() -> None:
    done = subprocess.run([CHECK], capture_output=True, text=True, timeout=30, check=True)

    assert Path(done.stdout.strip()).is_file()


def test_a_python_that_is_too_old_is_told_with_its_version_and_the_way_out(tmp_path: Path) -> None:
    fake(tmp_path, "old", 'case "$1" in --version) echo Python 3.9.2;; *) exit 1;; esac')

    done = subprocess.run(
        [CHECK], env={"PATH": "/usr/bin:/bin", "PYTHON": str(tmp_path / "old")}, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "Python 3.11 or newer (found: " in done.stderr
    assert "apt-get install python3" in done.stderr


def test_all_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    fake(tmp_path, "uname", "echo Linux")
    fake(tmp_path, "python3", 'case "$1" in --version) echo Python 3.8.1;; *) exit 1;; esac')
    script = CHECK.read_text().replace("/usr/sbin:/sbin", str(tmp_path))

    done = subprocess.run(["/bin/sh", "-c", script], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "the program ip" in done.stderr
    assert "the program unshare" in done.stderr
    assert "Python 3.11 or newer (found: Python 3.8.1)" in done.stderr
    assert "apt-get install iproute2 util-linux python3." in done.stderr


def test_another_system_than_linux_is_told_so(tmp_path: Path) -> None:
    fake(tmp_path, "uname", "echo Darwin")

    done = subprocess.run([CHECK], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr == "understudy: this needs Linux (for its network namespaces); this is Darwin\n"
