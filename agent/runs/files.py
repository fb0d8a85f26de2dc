"""How many files may be open: many for the agent, what is usual for whatever it starts.

A program that waits by select(2) breaks when it is given a descriptor above 1,023, and one that closes all it might have takes its
time over many: so the soft limit is raised by whoever wants more for itself, and never handed on (systemd.exec(5), LimitNOFILE=).
"""

from __future__ import annotations

import resource

OWN = 16384  # ports, probes, pipes and pidfds
_usual = resource.getrlimit(resource.RLIMIT_NOFILE)[0]  # what the agent was started with


def take_own() -> None:
    """Raise the agent's own soft limit as far as it goes up to OWN."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OWN if hard == resource.RLIM_INFINITY else min(OWN, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def for_children() -> str:
    """`soft:hard` for a program that asks for nothing; `-`: what it inherits is right."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return "-" if soft == _usual else f"{_usual}:{hard}"
