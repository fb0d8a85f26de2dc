"""What keeping state on a volume costs a month: the volume, and the snapshots of it."""

from __future__ import annotations

from collections.abc import Iterator

from core.estimate.lines import Line, Paid, Pricing
from core.model import Assembly

SNAPSHOTS_KEPT = 7  # stacks.volume.SNAPSHOTS_KEPT, one a day
CHANGED_SHARE = 0.05  # assumed: of the volume, from one day's snapshot to the next; the first one holds all that was ever written


def kept_volume(assembly: Assembly, pricing: Pricing) -> Iterator[Line]:
    """Snapshots hold what has changed since the one before: https://docs.aws.amazon.com/ebs/latest/userguide/how_snapshots_work.html"""
    size_gb = assembly.state.size_gb
    if size_gb is None:
        return
    yield pricing.line("volume", assembly.name, size_gb, "ebs_gp3_gb", f"{size_gb} GB gp3, encrypted", paid=Paid.ASSEMBLY)
    stored_gb = size_gb * (1 + CHANGED_SHARE * (SNAPSHOTS_KEPT - 1))
    how = f"{SNAPSHOTS_KEPT} daily ones of a full volume, {CHANGED_SHARE:.0%} of which changes in a day (assumed)"
    yield pricing.line("snapshots", assembly.name, stored_gb, "ebs_snapshot_gb", how, paid=Paid.ASSEMBLY)
