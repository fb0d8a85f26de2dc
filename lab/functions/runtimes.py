"""The runtime a function runs on: an interpreter of its version, AWS's runtime client, and boto3."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

# What AWS puts beside a handler (https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html),
# and the runtime client with the pure-Python things it needs.
_PACKAGES = (
    "boto3",
    "botocore",
    "s3transfer",
    "jmespath",
    "dateutil",
    "urllib3",
    "six",
    "awslambdaric",
    "simplejson",
    "snapshot_restore_py",
)
_OLDEST = (3, 11)
_PROBE_TIMEOUT_S = 10.0
_COMPILE_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Runtime:
    """python: an executable. folder: what PYTHONPATH names. exact: it is the version the function asked for."""

    python: str
    version: tuple[int, int]
    folder: Path
    exact: bool


def wanted_version(runtime: str) -> tuple[int, int]:
    """(3, 14) of `python3.14`. Raises ValueError for what is not a Python runtime."""
    match = re.fullmatch(r"python(\d+)\.(\d+)", runtime)
    if match is None:
        raise ValueError(f"the lab runs Python functions only, not Runtime {runtime!r}")
    return int(match[1]), int(match[2])


def choose(wanted: tuple[int, int], found: dict[tuple[int, int], str]) -> tuple[int, int]:
    """The version itself when it is there, else the newest that is not newer, else the oldest found."""
    if wanted in found:
        return wanted
    older = [version for version in found if version < wanted]
    return max(older) if older else min(found)


class Runtimes:
    """Finds interpreters once, and builds a folder for each version that is used."""

    def __init__(self, home: Path | None = None) -> None:
        self._home = home or Path(sys.prefix) / "lambda-runtime"
        self._lock = threading.Lock()
        self._found: dict[tuple[int, int], str] | None = None
        self._built: dict[tuple[int, int], Runtime] = {}

    def get(self, runtime: str) -> Runtime:
        """The runtime for `python3.N`; the first call for a version may take some seconds."""
        wanted = wanted_version(runtime)
        with self._lock:
            if self._found is None:
                self._found = find_interpreters()
            version = choose(wanted, self._found)
            if version not in self._built:
                folder = _build(self._home, version, self._found[version])
                self._built[version] = Runtime(self._found[version], version, folder, exact=True)
            built = self._built[version]
        return Runtime(built.python, built.version, built.folder, exact=version == wanted)


def find_interpreters() -> dict[tuple[int, int], str]:
    """Working CPythons from 3.11 up: this one, on PATH, and pyenv's."""
    found: dict[tuple[int, int], str] = {sys.version_info[:2]: sys.executable}
    names = [f"python3.{minor}" for minor in range(_OLDEST[1], 20)]
    candidates = [path for name in names if (path := shutil.which(name))]
    candidates += [str(path) for name in names for path in sorted(Path.home().glob(f".pyenv/versions/*/bin/{name}"))]
    for candidate in candidates:
        minor = int(Path(candidate).name.removeprefix("python3."))
        if (3, minor) in found:
            continue
        if (python := _probe(candidate, minor)) is not None:
            found[(3, minor)] = python
    return found


def _probe(candidate: str, minor: int) -> str | None:
    """The real executable, or None when it does not run (a shim of a version that is not selected, say)."""
    code = f"import sys, ssl, ctypes; assert sys.version_info[:2] == (3, {minor}); print(sys.executable)"
    environment = {"PATH": os.defpath, "HOME": str(Path.home())}
    try:
        done = subprocess.run([candidate, "-I", "-c", code], capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, env=environment)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _build(home: Path, version: tuple[int, int], python: str) -> Path:
    """Copy and compile the runtime's packages, once per version of each; readers never see half a folder.

    awslambdaric's extension module is compiled for one version of Python. Another version gets a small
    module of ours under its name (`runtime_client.py.txt`); all else is AWS's client, unchanged.
    """
    native = version == sys.version_info[:2] and importlib.util.find_spec("runtime_client") is not None
    stamp = "-".join(importlib.metadata.version(name) for name in ("awslambdaric", "boto3", "botocore"))
    folder = home / f"python{version[0]}.{version[1]}-{stamp}{'' if native else '-pure'}"
    if folder.exists():
        return folder
    home.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix="building-", dir=home))
    for name in _PACKAGES:
        _copy(name, draft)
    if native:
        _copy("runtime_client", draft)
    else:
        shutil.copy(Path(__file__).with_name("runtime_client.py.txt"), draft / "runtime_client.py")
    subprocess.run([python, "-m", "compileall", "-q", str(draft)], check=False, capture_output=True, timeout=_COMPILE_TIMEOUT_S)
    try:
        draft.rename(folder)
    except OSError:  # another lab was quicker
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _copy(name: str, target: Path) -> None:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"{name} is not installed: run `make setup`")
    origin = Path(spec.origin)
    if origin.name != "__init__.py":
        shutil.copy(origin, target / origin.name)
        return
    ignore = shutil.ignore_patterns("__pycache__", "*.so", "data" if name == "botocore" else "__pycache__")
    shutil.copytree(origin.parent, target / name, ignore=ignore)
    if name == "botocore":  # 100 MB that only ever is read
        (target / name / "data").symlink_to(origin.parent / "data")
