"""Adapter: one question put to an application, on this node, within its timeout."""

from agent.probes.asking import ask, check_probe
from agent.probes.context import ProbeContext

__all__ = ["ProbeContext", "ask", "check_probe"]
