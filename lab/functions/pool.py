"""Execution environments of all functions: made, reused, recycled; and the concurrency they allow."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import threading
import time
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

from lab.certificates import CA_FILE, CA_VARIABLE, certificate_of
from lab.functions.environment import Environment
from lab.functions.logs import Listener, LogWriter, decision
from lab.functions.runtimes import Runtimes
from lab.functions.spec import FunctionSpec
from lab.functions.vpc import Attachment, Attachments
from lab.world import AWS_ADDRESS, PORT, REGION, World

_IDLE_S = 300.0  # an idle environment is kept some minutes
_AGE_S = 2 * 3600.0  # and none for longer; well under the life of its credentials
ENVIRONMENTS_MAX = 64  # of all functions together: the account's limit here (1,000 on AWS)
_CODE_BYTES_MAX = 250 * 1024 * 1024  # unzipped: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html


class Throttled(Exception):
    """No concurrency left. reason: as the API's TooManyRequestsException says."""

    def __init__(self, reason: str) -> None:
        super().__init__("Rate Exceeded.")
        self.reason = reason


class Unavailable(Throttled):
    """Lambda itself is out of order: ServiceException of its API, a system error (500)."""

    def __init__(self) -> None:
        super().__init__("ServiceException")


class Slot:
    """An environment in use, with its log and its network."""

    def __init__(self, environment: Environment, log: LogWriter, attachment: Attachment | None) -> None:
        self.environment, self.log, self.attachment = environment, log, attachment


class Pool:
    """`lend` gives a warm environment, or makes a cold one; what is given back dead is buried."""

    def __init__(self, world: World, runtimes: Runtimes, listener: Listener | None) -> None:
        self._world, self._runtimes, self.listener = world, runtimes, listener
        self._lock = threading.Lock()
        self._idle: dict[str, list[Slot]] = {}
        self._busy: dict[str, int] = {}
        self._slots: set[Slot] = set()
        self._attachments = Attachments(world)
        self._told: set[str] = set()
        self._unpack_lock = threading.Lock()
        self.closed = False

    @contextlib.contextmanager
    def lend(self, spec: FunctionSpec) -> Iterator[tuple[Slot, bool]]:
        """(slot, cold). Raises Throttled, before anything is started."""
        with self._lock:
            busy = self._busy.get(spec.arn, 0)
            if spec.reserved is not None and busy >= spec.reserved:
                raise Throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
            if sum(self._busy.values()) >= ENVIRONMENTS_MAX or self.closed:
                raise Throttled("ConcurrentInvocationLimitExceeded")
            self._busy[spec.arn] = busy + 1
            warm = self._take(spec)
        slot: Slot | None = warm
        try:
            if slot is None:
                slot = self._make(spec)
            yield slot, warm is None
        finally:
            with self._lock:
                self._busy[spec.arn] -= 1
                keep = slot is not None and not slot.environment.dead and not self.closed
                if keep and slot is not None:
                    self._idle.setdefault(spec.arn, []).append(slot)
            if slot is not None and not keep:
                self._bury(slot)
            self.tidy()

    def of_key(self, access_key: str) -> Slot | None:
        """The environment that was given this key."""
        with self._lock:
            return next((slot for slot in self._slots if slot.environment.access_key == access_key), None)

    def tidy(self, *, everything: bool = False) -> None:
        """End environments that were idle for long, are old, or died."""
        now = time.monotonic()
        gone: list[Slot] = []
        with self._lock:
            for arn, slots in list(self._idle.items()):
                stale = [
                    slot
                    for slot in slots
                    if everything
                    or slot.environment.process.poll() is not None
                    or now - slot.environment.used_at > _IDLE_S
                    or now - slot.environment.born_at > _AGE_S
                ]
                gone += stale
                self._idle[arn] = [slot for slot in slots if slot not in stale]
        for slot in gone:
            self._bury(slot)

    def close(self) -> None:
        """End them all, the busy ones too."""
        with self._lock:
            self.closed = True
            slots = list(self._slots)
        for slot in slots:
            self._bury(slot)

    def _take(self, spec: FunctionSpec) -> Slot | None:
        """The warmest idle environment of this very code and configuration; others of the function are ended."""
        slots = self._idle.get(spec.arn, [])
        fit = [slot for slot in slots if slot.environment.spec.fingerprint == spec.fingerprint and slot.environment.process.poll() is None]
        for slot in slots:
            if slot not in fit:
                threading.Thread(target=self._bury, args=(slot,), daemon=True).start()
        self._idle[spec.arn] = fit[:-1]
        return fit[-1] if fit else None

    def _bury(self, slot: Slot) -> None:
        slot.environment.kill()
        with self._lock:
            known = slot in self._slots
            self._slots.discard(slot)
        if known and slot.attachment is not None:
            self._attachments.detach(slot.attachment)

    def _heard(self, spec: FunctionSpec, line: str) -> None:
        """What a function printed: its decisions go to the journal, and every line to whoever listens (metrics)."""
        said = decision(line)
        if said is not None:
            self._world.journal.say(spec.title, said, decision=True)
        if self.listener is not None:
            self.listener(spec, line)

    def _make(self, spec: FunctionSpec) -> Slot:
        runtime = self._runtimes.get(spec.runtime)
        if not runtime.exact and spec.runtime not in self._told:
            self._told.add(spec.runtime)
            running = f"python{runtime.version[0]}.{runtime.version[1]}"
            self._world.journal.say(
                "lab", f"no {spec.runtime} on this machine: its functions run on {running}", runtime=spec.runtime, runs_on=running
            )
        delay = self._world.delays["cold_start"]
        start = self._world.clock.now()
        real = self._world.clock.real(delay.seconds)
        self._world.journal.delay(delay.name, spec.title, start=start, end=start + real, source=delay.source)
        self._world.clock.wait(delay.seconds)
        code = self._unpack(spec)
        attachment = self._attachments.attach(spec) if spec.subnets else None
        stream_id = uuid.uuid4().hex
        log = LogWriter(spec, self._heard, stream_id)
        inside = self._world.network is not None
        environment = Environment(
            spec,
            prefix=attachment.prefix if attachment else [],
            python=runtime.python,
            code=code,
            variables=self._variables(spec, runtime.folder, log.stream),
            host="0.0.0.0" if inside else "127.0.0.1",  # noqa: S104 - the lab's own network namespace
            reachable_at=AWS_ADDRESS if inside else "127.0.0.1",
            on_line=log.write,
        )
        slot = Slot(environment, log, attachment)
        with self._lock:
            self._slots.add(slot)
        return slot

    def _variables(self, spec: FunctionSpec, folder: Path, stream: str) -> dict[str, str]:
        """As AWS defines them, and nothing of the lab's own but the authority that signs databases' certificates.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
        """
        who = self._world.principals.issue(spec.role_arn, spec.name, now=self._world.clock.now())
        endpoint = self._world.endpoint if self._world.network is None else f"http://{AWS_ADDRESS}:{PORT}"
        return {
            "PATH": os.defpath,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PYTHONPATH": str(folder),
            "PYTHONNOUSERSITE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",  # /var/task is read-only
            **spec.variables,
            "_HANDLER": spec.handler,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": spec.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
            "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "AWS_LAMBDA_LOG_FORMAT": spec.log_format,
            **({"AWS_LAMBDA_LOG_LEVEL": spec.log_level} if spec.log_level else {}),
            "AWS_ACCESS_KEY_ID": who.access_key,
            "AWS_SECRET_ACCESS_KEY": who.secret_key,
            "AWS_SESSION_TOKEN": who.token,
            "AWS_ENDPOINT_URL": endpoint,
            # Nobody but RDS can have a certificate signed by RDS's authority: one in the VPC trusts the lab's.
            **({CA_VARIABLE: str(self._world.lab_dir / "rds" / CA_FILE)} if spec.subnets and certificate_of(self._world.lab_dir) else {}),
        }

    def _unpack(self, spec: FunctionSpec) -> Path:
        """The archive, unpacked once per content; its files are read-only, as all of /var/task is."""
        target = self._world.lab_dir / "functions" / hashlib.sha256(spec.code_sha256.encode()).hexdigest()[:24]
        with self._unpack_lock:
            if target.exists():
                return target
            draft = target.with_name(target.name + ".draft")
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            with zipfile.ZipFile(io.BytesIO(spec.code)) as archive:
                if sum(info.file_size for info in archive.infolist()) > _CODE_BYTES_MAX:
                    raise ValueError(f"{spec.name}: the archive unpacks to more than 250 MB")
                archive.extractall(draft)
            for path in draft.rglob("*"):
                if path.is_file():  # folders stay removable for whoever clears the lab away
                    path.chmod(0o444)
            draft.rename(target)
        return target
