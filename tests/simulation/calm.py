"""Worlds in which nothing goes wrong by itself."""

from __future__ import annotations

from typing import Any

from simulation.agent import Agent
from simulation.rest import troubles
from simulation.world import World

CALM = {"latency": 0.0, "lost": 0.0, "twice": 0.0, "late": 0.0, "skew": 0.0, "stale": 0.0, "hidden": 0.0, "front": 0.0}

A0 = ("made-up", "a0")


def served(**told: Any) -> tuple[World, Agent]:
    """A world whose assemblies have all been well for two minutes, and the first one's node."""
    world = World(1, **told)
    world.build()
    world.schedule.run(world.schedule.now_ms + 300_000, lambda: not troubles(world))
    world.schedule.run(world.schedule.now_ms + 120_000)
    agent = world.holder(A0)
    assert agent is not None
    assert agent.serves
    assert world.watch.faults == []
    return world, agent
