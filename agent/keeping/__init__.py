"""Saves an assembly's folder of state while its applications run, and restores it before they start."""

from agent.keeping.keeper import Keeper

__all__ = ["Keeper"]
