"""The states an EC2 instance may be in, which may follow which, and what a status check says; no effects."""

from __future__ import annotations

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
_NEXT = {
    "": ("pending",),
    "pending": ("running", "shutting-down"),
    "running": ("stopping", "shutting-down"),
    "stopping": ("stopped", "shutting-down"),
    "stopped": ("pending", "shutting-down"),
    "shutting-down": ("terminated",),
    "terminated": (),
}

# AWS waits for the guest before it cuts the power. Its pages say "a few minutes" and "the timeout period"; the one number it
# ever printed is four minutes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RebootInstances.html
GUEST_SHUTDOWN_S = 240.0

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html: "visible ... for approximately one hour"
TERMINATED_VISIBLE_S = 3600.0

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html: "performed every minute"
CHECK_EVERY_S = 60.0


def may_follow(old: str, new: str) -> bool:
    """Whether EC2 moves an instance from one state straight to the other."""
    return new in _NEXT[old]


def status_of(*, running_for_s: float, silent_for_s: float | None) -> str:
    """What an instance status check says of a running instance: initializing, ok or impaired.

    running_for_s: since it entered `running`. silent_for_s: since it stopped answering; None while it answers.
    The first check concludes after a minute; two missed minutes make it impaired.
    """
    if silent_for_s is not None and silent_for_s >= 2 * CHECK_EVERY_S:
        return "impaired"
    return "initializing" if running_for_s < CHECK_EVERY_S else "ok"
