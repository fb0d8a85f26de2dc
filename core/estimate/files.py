"""What keeping state on EFS costs a month: by the gigabyte, of which only the user knows how many there will be."""

from __future__ import annotations

from collections.abc import Iterator

from core.estimate.lines import Line, Paid, Pricing
from core.model import Assembly
from core.state import Keep

_HOW = "nothing counted, for who knows how much it will be: by the GB, "


def kept_files(assembly: Assembly, pricing: Pricing) -> Iterator[Line]:
    """Elastic throughput is paid for by what is moved: https://docs.aws.amazon.com/efs/latest/ug/performance.html#throughput-modes"""
    if assembly.state.keep is not Keep.EFS:
        return
    for what, rate, how in (
        ("kept", "efs_stored_gb", "in all zones, and as much again for its backups at a sixth of the price"),
        ("read", "efs_read_gb", "of what is read"),
        ("written", "efs_written_gb", "of what is written"),
    ):
        yield pricing.line("file system", f"{assembly.name}: {what}", 0, rate, _HOW + how, paid=Paid.ASSEMBLY)
