"""Adapter: what an application uses, as the kernel counts it, for core.thresholds and core.saturation."""

from agent.measure.meter import Meter

__all__ = ["Meter"]
