"""How much of earlier failures' penalty a drill that times a restart may find left."""

from __future__ import annotations

FEW = 1.4  # three failures within five minutes weigh more than half each: with less, one more is absorbed
NONE = 0.5  # less than any failure within five minutes weighs
