"""What befalls every machine that takes another's place, for as long as a drill wants: a thread that looks for newcomers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from lab.drills.cloud import Instance, LabGone
from lab.drills.stage import Stage

_PERIOD_S = 0.2


class Curse:
    """Does something to each machine of the assembly again and again, from entering to leaving."""

    def __init__(self, stage: Stage, strike: Callable[[Instance], None]) -> None:
        """strike: what is done to a machine that is not terminated; a machine that is gone meanwhile (LookupError) is nothing."""
        self._stage, self._strike = stage, strike
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="curse")

    def __enter__(self) -> Curse:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.lift()

    def lift(self) -> None:
        """From now on machines live; harmless a second time."""
        self._done.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._done.wait(_PERIOD_S):
            # The emulator may be busy or going down; whoever guards it says so.
            with contextlib.suppress(BotoCoreError, ClientError, LabGone):
                for instance in self._stage.cloud.instances(self._stage.slot):
                    if instance.state != "terminated" and not self._done.is_set():
                        with contextlib.suppress(LookupError):
                            self._strike(instance)


def dies_at_boot(stage: Stage, but: frozenset[str]) -> Callable[[Instance], None]:
    """Terminates a machine that EC2 calls running, all but those, before anything on it could serve."""

    def strike(instance: Instance) -> None:
        if instance.id not in but and instance.state == "running":
            stage.cloud.clients["ec2"].terminate_instances(InstanceIds=[instance.id], SkipOsShutdown=True)
            stage.tell(f"{instance.id} dies at its start")

    return strike


_SPOILT = "raise SystemExit(1)\n"  # no program in any language that a shell or Python would take for one that succeeds


def crashes_at_start(stage: Stage, program: str) -> Callable[[Instance], None]:
    """Spoils that file on a machine as soon as it is there, long before the application may start, and ends what runs of it already."""

    spoilt: set[str] = set()

    def strike(instance: Instance) -> None:
        if instance.id in spoilt:
            return
        stage.cloud.control("read", instance=instance.id, path=program)  # LookupError while it is not installed
        spoilt.add(instance.id)
        stage.cloud.control("write", instance=instance.id, path=program, text=_SPOILT)
        stage.tell(f"{program} on {instance.id} crashes at its start from now on")
        for process in stage.cloud.control("processes", instance=instance.id)["processes"]:
            if program in process["argv"]:
                stage.cloud.control("signal", instance=instance.id, pid=process["pid"], signal="SIGKILL")

    return strike


def program_of(stage: Stage, instance: str, argv: tuple[str, ...]) -> str:
    """The file that a command line runs: a script's, where an interpreter comes first. Raises LookupError."""
    for word in argv[1:]:
        if word.startswith("/"):
            with contextlib.suppress(LookupError):
                stage.cloud.control("read", instance=instance, path=word)
                return word
    raise LookupError(f"{' '.join(argv)} names no script that could be spoilt")
