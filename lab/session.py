"""One life of the lab, inside its own space: emulator up, template deployed and checked, everything down."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError

from lab import conformance, deploy
from lab.control_token import make_token
from lab.refusals import refusals
from lab.world import PORT

EMULATOR_DIED = 4
Say = Callable[[str], None]


class LabFailed(RuntimeError):
    """The lab cannot go on; the text is for the user."""


class Session:
    """Use as a context manager; leaving it stops the emulator and with it every machine and function."""

    def __init__(self, lab_dir: Path, deployable: Path, say: Say, *, time_scale: float = 1.0, foundation: Path | None = None) -> None:
        """foundation: the file of the one that the deployable shares with others."""
        self.lab_dir, self.deployable, self.say, self.time_scale, self.foundation = lab_dir, deployable, say, time_scale, foundation
        self.journal = lab_dir / "journal.jsonl"
        self.stack = ""
        self.template: dict[str, Any] = {}
        self._emulator: subprocess.Popen[bytes] | None = None
        self._leaving = threading.Event()
        self._guarding: threading.Thread | None = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        """Whatever fails because the emulator died is not told again: its guard says so and ends this process."""
        if error is not None and self._guarding is not None:
            # A process that was killed lets go of its sockets a moment before it can be waited for.
            self._guarding.join(timeout=1.0)
        self.stop()
        if isinstance(error, BotoCoreError):
            raise LabFailed(f"the emulator lives but did not answer ({error}); see {self.lab_dir}/server.log") from error

    def start(self) -> None:
        """The emulator serves, or LabFailed says why not."""
        began = time.monotonic()
        make_token(self.lab_dir)
        self.journal.touch()
        command = [sys.executable, "-m", "lab.server", "--dir", str(self.lab_dir), "--host", "0.0.0.0", "--port", str(PORT)]  # noqa: S104 - of its space
        root = Path(__file__).resolve().parent.parent
        self._emulator = subprocess.Popen(
            [*command, "--time-scale", str(self.time_scale)], cwd=root, stdin=subprocess.DEVNULL, start_new_session=True
        )
        ready = self.lab_dir / "ready"
        while not ready.exists():
            if self._emulator.poll() is not None:
                raise LabFailed(
                    f"the emulator ended with status {self._emulator.returncode} before it served; see {self.lab_dir}/server.log"
                )
            if time.monotonic() - began > 60:
                raise LabFailed(f"the emulator did not serve within 60 s; see {self.lab_dir}/server.log")
            time.sleep(0.05)
        self._guarding = threading.Thread(target=self._guard, daemon=True, name="guard")
        self._guarding.start()
        self.say(f"emulator up in {time.monotonic() - began:.1f} s")

    def _guard(self) -> None:
        """A lab without its emulator is over: say so at once and leave nothing running."""
        assert self._emulator is not None
        status = self._emulator.wait()
        if self._leaving.is_set():
            return
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        print(f"understudy: the emulator died ({how}); its log is {self.lab_dir}/server.log", file=sys.stderr, flush=True)
        for line in _tail(self.lab_dir / "server.log", 5):
            print(f"  {line}", file=sys.stderr, flush=True)
        # Everything else lives in our namespaces and ends with this process.
        os._exit(EMULATOR_DIED)

    def put_up(self) -> None:
        """Synthesize, deploy the very template, and check that the emulator holds all of it; a shared foundation's first."""
        if self.foundation is not None:
            self.say(f"the foundation {self.foundation.stem}:")
            self.put(self.foundation, self.lab_dir / "cdk.out.foundation")
        self.stack, self.template = self.put(self.deployable, self.lab_dir / "cdk.out")

    def put(self, file: Path, out: Path) -> tuple[str, dict[str, Any]]:
        """One file's stack. Gives its name and its template."""
        began = time.monotonic()
        deploy.synthesize(file, out)
        self.say(f"template synthesized in {time.monotonic() - began:.1f} s")
        refused = refusals(out)
        if refused:
            raise LabFailed("this lab cannot play the deployable:\n" + "\n".join(f"  {reason}" for reason in refused))
        began = time.monotonic()
        deploy.deploy(out, say=lambda line: self.say(f"  {line}"))
        self.say(f"deployed with the real CDK CLI in {time.monotonic() - began:.1f} s")
        (path,) = out.glob("*.template.json")
        template: dict[str, Any] = json.loads(path.read_text())
        stack = path.name.removesuffix(".template.json")
        began = time.monotonic()
        problems = conformance.check(stack, template)
        if problems:
            raise LabFailed("the emulator does not hold what the template says:\n" + "\n".join(f"  {problem}" for problem in problems))
        count = len(template["Resources"])
        self.say(f"all {count} resources exist and every property reads back ({time.monotonic() - began:.1f} s)")
        return stack, template

    def stop(self) -> None:
        self._leaving.set()
        if self._emulator is None or self._emulator.poll() is not None:
            return
        self._emulator.terminate()
        try:
            self._emulator.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self._emulator.pid, signal.SIGKILL)


def _tail(path: Path, count: int) -> list[str]:
    return path.read_text(errors="replace").splitlines()[-count:] if path.exists() else []
