"""One execution environment: a process of its own that runs a function's handler, warm between calls.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab.functions.runtime_api import Answer, RuntimeApi, Work
from lab.functions.spec import FunctionSpec

_INIT_LIMIT_S = 10.0  # then the init is counted against the function's own timeout
_LOG_LINE_BYTES = 256 * 1024  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
_LOOK_S = 0.1  # how often memory and life are looked at while a call runs
_SETTLE_S = 0.3
_DRAIN_S = 0.005  # for the reader to hand over what the function printed before it answered
_DATA_SLACK_MB = 512  # RLIMIT_DATA counts reserved stacks too; the real limit is the resident set, looked at below


@dataclass(frozen=True, slots=True)
class Outcome:
    """error: what the X-Amz-Function-Error header says, or None. Times in seconds; memory at its highest."""

    payload: bytes
    error: str | None
    duration_s: float
    init_s: float | None
    memory_mb: int
    dead: bool


# A parent-death signal fires when the *thread* that made the process ends (prctl(2)), and callers come and go:
# so one thread makes them all.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="functions-spawner")


def _spawn(argv: list[str], code: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv,
        cwd=code,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


class Environment:
    """Started at once; `invoke` from one thread at a time; `kill` from any."""

    def __init__(
        self,
        spec: FunctionSpec,
        *,
        prefix: list[str],
        python: str,
        code: Path,
        variables: dict[str, str],
        host: str,
        reachable_at: str,
        on_line: Callable[[str], None],
    ) -> None:
        """prefix: argv that enters its network. host: where its Runtime API listens; reachable_at: as it sees it."""
        self.spec = spec
        self.access_key = variables.get("AWS_ACCESS_KEY_ID", "")  # by which its calls are known
        self.born_at = self.used_at = time.monotonic()
        self.dead = False
        self._memory_mb = 0
        self._on_line = on_line
        self._init_s: float | None = None
        self._fresh = True
        self.api = RuntimeApi(host)
        environment = {**variables, "AWS_LAMBDA_RUNTIME_API": f"{reachable_at}:{self.api.port}", "LAMBDA_TASK_ROOT": str(code)}
        limit = (spec.memory_mb + _DATA_SLACK_MB) * 1024 * 1024
        guard = ["setpriv", "--pdeathsig", "KILL", "prlimit", f"--data={limit}:{limit}", "--core=0:0"]
        argv = [*prefix, *guard, python, "-m", "awslambdaric", spec.handler]
        self.process = _spawner.submit(_spawn, argv, code, environment).result()
        self._reader = threading.Thread(target=self._read_lines, daemon=True, name=f"log-{spec.title}")
        self._reader.start()

    def invoke(self, request_id: str, payload: bytes, trace: str) -> Outcome:
        """Run one event to its end, its timeout, or the process's death. Raises nothing of the function's."""
        started = time.monotonic()
        self._thaw()
        failed = self._await_init(started) if self._fresh else None
        begun = time.monotonic()
        if failed is None:
            deadline = begun + self.spec.timeout_s
            work = Work(request_id, payload, int((time.time() + self.spec.timeout_s) * 1000), self.spec.arn, trace)
            self.api.give(work)
            failed, answer = self._await_answer(request_id, deadline)
        else:
            answer = None
        init_s, self._init_s = self._init_s, None
        duration = time.monotonic() - begun
        if answer is not None:
            if self.api.wait_ready(_SETTLE_S):  # it asks for more work: all it had to print is printed
                time.sleep(_DRAIN_S)
                self._freeze()
            self.used_at = time.monotonic()
            return Outcome(answer.payload, "Unhandled" if answer.error else None, duration, init_s, self._memory_mb, dead=False)
        self.kill()
        assert failed is not None
        error_type, text = failed
        body = _init_body(self.api.init_error) or json.dumps(
            {"errorType": error_type, "errorMessage": f"RequestId: {request_id} Error: {text}"}
        )
        return Outcome(body.encode(), "Unhandled", duration, init_s, self._memory_mb, dead=True)

    def kill(self) -> None:
        """End every process of it now; harmless when already dead."""
        self.dead = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5.0)
        self._reader.join(1.0)
        self.api.close()

    def crash(self) -> None:
        """Its process dies now, as of itself; whoever waits for its answer finds out."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _await_init(self, started: float) -> tuple[str, str] | None:
        limit = started + _INIT_LIMIT_S + self.spec.timeout_s
        while not self.api.wait_ready(_LOOK_S):
            self._look()
            if self.process.poll() is not None:
                return "Runtime.ExitError", f"Runtime exited with error: {_status(self.process.returncode)}"
            if time.monotonic() > limit:
                return "Sandbox.Timedout", f"Task timed out after {self.spec.timeout_s:.2f} seconds"
        self._init_s, self._fresh = time.monotonic() - started, False
        if self.api.init_error is not None:
            return "Runtime.InitError", "the handler could not be loaded"
        return None

    def _await_answer(self, request_id: str, deadline: float) -> tuple[tuple[str, str] | None, Answer | None]:
        while True:
            left = deadline - time.monotonic()
            answer = self.api.wait_answer(request_id, max(0.0, min(_LOOK_S, left)))
            self._look()
            if answer is not None and answer.too_large:
                return (
                    "Function.ResponseSizeTooLarge",
                    "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
                ), None
            if answer is not None:
                return None, answer
            if self._memory_mb > self.spec.memory_mb:
                return ("Runtime.OutOfMemory", "Runtime exited with error: signal: killed"), None
            if self.process.poll() is not None:
                return ("Runtime.ExitError", f"Runtime exited with error: {_status(self.process.returncode)}"), None
            if left <= 0:
                return ("Sandbox.Timedout", f"Task timed out after {self.spec.timeout_s:.2f} seconds"), None

    def _look(self) -> None:
        """Note the resident set: what AWS's memory setting limits."""
        with contextlib.suppress(OSError, IndexError, ValueError):
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
            self._memory_mb = max(self._memory_mb, pages * os.sysconf("SC_PAGE_SIZE") // (1024 * 1024))

    def _freeze(self) -> None:
        """Between calls the environment stands still, as on AWS: nothing goes on in the background."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGSTOP)

    def _thaw(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGCONT)

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            while line := stream.readline(_LOG_LINE_BYTES):
                self._on_line(line.decode("utf-8", "replace").rstrip("\n"))


def _status(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal: {signal.Signals(-code).name.removeprefix('SIG').lower()}"
    return f"exit status {code}"


def _init_body(init_error: bytes | None) -> str | None:
    return init_error.decode("utf-8", "replace") if init_error else None
