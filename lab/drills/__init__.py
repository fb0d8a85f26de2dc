"""Drills: break one thing, watch from outside, say what must hold and whether it did."""
