"""The numbers by which an incident is decided; all of them are settings, and the defaults are the design's (docs/recovery.md)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Seconds unless named otherwise."""

    report_silent_s: float = 15.0  # three reports of 5 s missed
    looks_failing_s: float = 10.0  # failing looks must span this: a sweep's length, so that one hiccup is not two signals
    look_fresh_s: float = 5.0  # how old the third look may be when acting on it
    doubt_s: float = 60.0  # with one signal only, look again for so long, then tell people
    quiet_s: float = 3600.0  # how long the same unsolved trouble is not reported again
    budget_replacements: int = 10
    budget_window_s: float = 600.0
    meltdown_nodes: int = 5
    meltdown_share: float = 0.2
    boot_loop: int = 3  # replacements in a row that did not live
    force_after_s: float = 20.0  # from the terminate call to Force
    fence_page_s: float = 300.0  # EC2 has not confirmed: people are told
    verify_s: float = 300.0  # a node that runs but does not serve: up a rung
    new_target_s: float = 300.0  # besides, where an NLB must come to know the node: it takes minutes, and nobody can help it
    incident_s: float = 3600.0  # every incident ends
