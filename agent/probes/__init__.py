"""Adapter: one question put to an application, on this node, within its timeout."""

from agent.probes.asking import ask, check_probe
from agent.probes.child import awaited_pids
from agent.probes.context import ProbeContext

__all__ = ["ProbeContext", "ask", "awaited_pids", "check_probe"]
