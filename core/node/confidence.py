"""Exit codes of the `monitor` script: how sure we are that an application is there, in Veritas Cluster Server's words.

VCS reads 100 as offline, 101 to 109 as online with a confidence of 10 to 90, 110 as online for sure, and 99 as unknown
(its agents' monitor entry point). MediationZone's own template uses 110 and 100 only.
"""

from __future__ import annotations

from core.model import Verdict

HEALTHY = 110
BUSY = 105
FAILED = 100
UNKNOWN = 99


def monitor_code(verdict: Verdict, in_a_row: int, fall: int) -> int:
    """The exit code for a verdict that `in_a_row` results in a row speak against; at `fall` of them it changes.

    Healthy, 110, goes down to 109 ... 106 on its way to busy or failing; busy, 105, to 104 ... 101 on its way to failing.
    Whoever reads everything above 100 as online keeps what lives, whoever wants to be sure asks for 110. Failing is 100
    and unknown 99, whatever speaks against them: what is not known to be there is never told to be.
    """
    if verdict is Verdict.FAILING:
        return FAILED
    if verdict is Verdict.UNKNOWN:
        return UNKNOWN
    certain = HEALTHY if verdict is Verdict.HEALTHY else BUSY
    doubt = min(in_a_row / max(fall, 1), 1.0)
    steps = certain - (BUSY if verdict is Verdict.HEALTHY else FAILED) - 1
    return certain - min(steps, -int(-doubt * steps // 1)) if in_a_row > 0 else certain
