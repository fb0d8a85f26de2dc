"""Rest between drills: what fails often is restarted later on purpose, so a drill that times a restart waits until that is over."""

from __future__ import annotations

import time

from lab.drills.node import Node

SPELL_S = 61.0  # well for so long, a failure is a first one again, and restarted at once
CALM_S = 660.0  # the longest that a handful of failures is remembered


def why_not_calm(node: Node, penalty_max: float, now: float) -> str:
    """What is still remembered of earlier failures; empty when nothing that matters is."""
    server, agent, restarts = node.server(), node.agent(), node.restarts()
    if server is None or agent is None or restarts is None:
        return f"{node.instance} does not serve, or its agent does not say how it is"
    penalty = node.penalty() or 0.0
    if penalty > penalty_max:
        return f"earlier failures still weigh {penalty:.1f}, more than {penalty_max:g}"
    # An agent knows since when all is well only of its own run.
    well_s = now - max(server.started_at, agent.started_at, node.unwell_until)
    if restarts and well_s < SPELL_S:
        return f"its application was restarted, and has been well for {well_s:.0f} s only"
    return ""


def wait_calm(node: Node, penalty_max: float, timeout_s: float = CALM_S) -> str:
    """What was still remembered at the end, or nothing."""
    end = time.monotonic() + timeout_s
    while (missing := why_not_calm(node, penalty_max, time.time())) and time.monotonic() < end:
        time.sleep(1.0)
    return missing
