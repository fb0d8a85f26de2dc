"""Runs the tests of core/ and lambdas/ on every CPython from 3.11 up that is found, besides the one that runs this.

Functions run on the newest runtime that AWS has and the agent on the image's own Python, so both must work on all of
them. Each Python gets a light environment in .build, made anew when its lock changes. With CI=true two Pythons at
least must have been found, this one included. With --furthest it is only the one that is furthest from this: what
breaks in between breaks there, and each takes minutes.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements-functions.txt"
OLDEST = (3, 11)
PROBE = "import sys; print(sys.implementation.name, *sys.version_info[:2], sys.version_info.releaselevel)"


def found() -> dict[tuple[int, int], Path]:
    """The first usable CPython of each version: on PATH, then under ~/.pyenv."""
    folders = [Path(folder) for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder]
    folders += sorted(Path.home().glob(".pyenv/versions/*/bin"))
    pythons: dict[tuple[int, int], Path] = {}
    for folder in folders:
        for candidate in sorted(folder.glob("python3.*")) if folder.is_dir() else ():
            if re.fullmatch(r"python3\.\d+", candidate.name) and (version := version_of(candidate)) is not None:
                pythons.setdefault(version, candidate)
    return dict(sorted(pythons.items()))


def version_of(python: Path) -> tuple[int, int] | None:
    """None for what does not start (a shim of a version that is not chosen), is not CPython, too old or not released."""
    try:
        said = subprocess.run([python, "-c", PROBE], capture_output=True, text=True, timeout=20, check=True).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return None
    if len(said) != 4 or said[0] != "cpython" or said[3] != "final":
        return None
    version = int(said[1]), int(said[2])
    return version if version >= OLDEST else None


def environment(version: tuple[int, int], python: Path) -> Path:
    """The light environment's Python, made if need be. Raises subprocess.CalledProcessError."""
    folder = ROOT / ".build" / f"py{version[0]}.{version[1]}"
    stamp, wanted = folder / "lock.sha256", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not (stamp.is_file() and stamp.read_text() == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", folder], check=True)
        pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
        subprocess.run([*pip, "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(LOCK)], check=True)
        stamp.write_text(wanted)
    return folder / "bin/python"


def _run(other: tuple[tuple[int, int], Path]) -> int:
    """The tests on one version; gives pytest's exit status, 1 when the environment could not be made."""
    version, python = other
    name = ".".join(map(str, version))
    began = time.monotonic()
    try:
        command = [str(environment(version, python)), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not lab and not heavy"]
        done = subprocess.run([*command, "tests/core", "tests/lambdas"], cwd=ROOT, check=False, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        print(f"every Python: {name}: {error}", file=sys.stderr)
        return 1
    passed = "passed" if done.returncode == 0 else "FAILED"
    print(f"{done.stdout}{done.stderr}every Python: {name} {passed} in {time.monotonic() - began:.0f} s", flush=True)
    return done.returncode


def furthest(others: dict[tuple[int, int], Path], here: tuple[int, int]) -> dict[tuple[int, int], Path]:
    return dict(sorted(others.items(), key=lambda other: abs(other[0][1] - here[1]))[-1:])


def main() -> int:
    here = sys.version_info[0], sys.version_info[1]
    others = {version: python for version, python in found().items() if version != here}
    if "--furthest" in sys.argv[1:]:
        others = furthest(others, here)
    names = ", ".join(".".join(map(str, version)) for version in sorted({here, *others}))
    print(f"every Python: {names} (tests on {here[0]}.{here[1]} ran with the rest)", flush=True)
    if os.environ.get("CI") == "true" and not others:
        print(
            "every Python: CI needs at least two versions of CPython from 3.11 up, and only one was found on PATH or under ~/.pyenv; "
            "Debian 12 packages no second one: install it there with pyenv, or put it on PATH",
            file=sys.stderr,
        )
        return 1
    # Side by side: each is one process on one core. What each printed is shown when it is done.
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        failed = [code for code in pool.map(_run, others.items()) if code]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
