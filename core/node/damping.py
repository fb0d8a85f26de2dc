"""What flapping costs: a penalty that each failure raises and that halves by itself, as route flap damping has it (RFC 2439).

A healthy spell resets an application's waits. One that keeps well for just so long between its failures would therefore be
restarted at once for ever; while its penalty is at FLAPPING or more it is not, its waits go on growing. The penalty delays
restarts and is told; it never touches a verdict: what is dead is failing from the moment it died.
"""

from __future__ import annotations

FAILURE = 1.0  # what each failure adds
HALF_LIFE_S = 300.0  # as long as the window in which a tolerance counts, where the settings say nothing else
# One more failure at once than is tolerated where the settings say nothing else. Failures that come evenly hold it there
# when they are less than HALF_LIFE_S * log2(5 / 4) = 97 s apart; a long run of them weighs longer than a healthy spell.
FLAPPING = 4.0


def decayed(penalty: float, *, since_s: float, now_s: float) -> float:
    """What is left of a penalty; all of it when the clock has not moved on."""
    return float(penalty * 0.5 ** (max(0.0, now_s - since_s) / HALF_LIFE_S))


def is_flapping(penalty: float) -> bool:
    return penalty >= FLAPPING
