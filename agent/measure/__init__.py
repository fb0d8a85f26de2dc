"""Adapter: what an application uses, as the kernel counts it, for core.node.thresholds and core.node.saturation."""

from agent.measure.meter import Meter

__all__ = ["Meter"]
