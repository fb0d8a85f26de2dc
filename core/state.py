"""What survives a replacement of a node: how an assembly's folder of state is kept. Frozen, checked when built."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from core.application import check_bounds

EVERY_S = 5.0
EVERY_S_MIN, EVERY_S_MAX = 1.0, 3600.0
FORMER_KEPT_DAYS = 2  # how long the bucket keeps what a save replaced: long enough to undo yesterday's mistake
# Their contents are the machine's own, or come and go with it; to swap such a folder for a restored one would break the node.
NEVER: tuple[str, ...] = (
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/sys",
    "/usr",
)
NEVER += ("/var", "/var/lib", "/var/log", "/var/lib/understudy", "/opt/understudy", "/etc/understudy", "/run/understudy")
_NEVER_IN = ("/proc", "/sys", "/dev", "/run", "/boot", "/var/lib/understudy", "/opt/understudy", "/etc/understudy")


class Keep(StrEnum):
    """Where the folder is kept."""

    NONE = "none"
    S3 = "s3"
    EBS = "ebs"
    EFS = "efs"


class Persist(StrEnum):
    """What a new node does with what was saved, in the words of Apache Brooklyn's persistence modes.

    https://brooklyn.apache.org/v/latest/ops/persistence/index.html; a node that comes back to its own folder (a restart of
    the agent, a reboot) goes on with that in every mode.
    """

    AUTO = "AUTO"  # use what was saved, else begin afresh
    REBIND = "REBIND"  # use what was saved; where nothing was, start nothing
    CLEAN = "CLEAN"  # begin afresh; what was saved is superseded
    DISABLED = "DISABLED"  # neither read nor write


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """path: the folder, absolute. every_s: between the beginnings of two saves.

    snapshot: a command that makes a consistent copy, which is then saved in the folder's place; None: the folder itself is.
    size_gb: of the volume, in GiB, where it is kept on one.
    """

    keep: Keep = Keep.NONE
    path: str | None = None
    persist: Persist = Persist.AUTO
    every_s: float = EVERY_S
    snapshot: tuple[str, ...] | None = None
    size_gb: int | None = None

    def __post_init__(self) -> None:
        check_bounds(EVERY_S_MIN, EVERY_S_MAX, every_s=self.every_s)
        if self.keep is not Keep.NONE:
            trouble = "is missing" if self.path is None else trouble_with(self.path)
            if trouble is not None:
                raise ValueError(f"state.path {trouble}")
        if (self.keep is Keep.EBS) != (self.size_gb is not None):
            raise ValueError("state.size belongs to state that is kept on a volume, and to no other")

    @property
    def saved(self) -> bool:
        """Whether the agent saves and restores it."""
        return self.keep is Keep.S3 and self.persist is not Persist.DISABLED

    @property
    def on_volume(self) -> bool:
        return self.keep is Keep.EBS

    @property
    def mounted(self) -> bool:
        """Whether the folder itself is elsewhere, and mounted on the node that may run."""
        return self.keep in (Keep.EBS, Keep.EFS)


NOT_KEPT = State()


def trouble_with(path: str) -> str | None:
    """Why this cannot be a folder that is swapped as a whole, as the end of a sentence; None when it can."""
    pure = PurePosixPath(path)
    if not path.startswith("/") or ".." in pure.parts or str(pure) != path:
        return f"is {path!r}: use an absolute path in its plain form"
    inside = next((folder for folder in _NEVER_IN if pure.is_relative_to(folder)), None)
    if path in NEVER or inside is not None:
        return f"is {path!r}, which is the system's: use a folder of the application's own, such as /var/lib/NAME"
    return None
