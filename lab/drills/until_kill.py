"""From the first sign of a failure to the call that ends its machine: AWS's share and ours."""

from __future__ import annotations

from lab.drills.measure import Gap
from lab.drills.model import Kill
from lab.drills.stage import Stage

SILENCE, REQUEST = "silence", "the node's own request"


def after_silence(stage: Stage, instance: str, *, since: float) -> Kill | None:
    """since: when the machine fell silent. None when it was never ended."""
    return _kill(stage, instance, SILENCE, since)


def after_request(stage: Stage, instance: str, *, since: float) -> Kill | None:
    """From the moment at which its agent wrote that it wants another machine; None when it wrote nothing, or was never ended."""
    rows = stage.cloud.items(f"NODE#{stage.slot.deployable}#{stage.slot.assembly}")
    asked = [float(row["at_ms"]) / 1000 for row in rows if row["sk"] == f"REQUEST#{instance}"]
    return _kill(stage, instance, REQUEST, asked[0]) if asked and asked[0] >= since else None


def _kill(stage: Stage, instance: str, sign: str, began: float) -> Kill | None:
    ended = stage.asked_to_end(instance, since=began)
    if ended is None:
        return None
    aws, ours, each = stage.split(Gap(began, ended))
    return Kill(sign, aws, ours, each)
