"""What keeping state on S3 costs a month: by the number of saves, which is the application's doing. Each at its most."""

from __future__ import annotations

from collections.abc import Iterator

from core.estimate.lines import SECONDS_A_MONTH, Line, Paid, Pricing
from core.kept.tree import CARRIED_BYTES_MAX
from core.model import Assembly
from core.state import FORMER_KEPT_DAYS, Keep

STORED_GB = 1.0  # assumed
DAY_S = 86_400.0
# A lifecycle takes away at midnight what was due that day: up to a day later.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
LATE_DAYS = 1


def kept_state(assembly: Assembly, pricing: Pricing) -> Iterator[Line]:
    """Of an application that changes some KB all the time, which is what a save can carry in its manifest."""
    state = assembly.state
    if state.keep is not Keep.S3 or not state.saved:
        return
    name, days = assembly.name, FORMER_KEPT_DAYS + LATE_DAYS
    saves = SECONDS_A_MONTH / state.every_s
    how = (
        f"1 every {state.every_s:g} s, were something small to change all the time; none while nothing does; "
        "2 more for each larger file, or 4 MB of one, that changes"
    )
    yield pricing.line("state", f"{name}: saves", saves, "s3_put", how, paid=Paid.ASSEMBLY)
    yield pricing.line("state", f"{name}: what is saved", STORED_GB, "s3_stored_gb", f"{STORED_GB:g} GB (assumed)", paid=Paid.ASSEMBLY)
    former_gb = DAY_S / state.every_s * days * CARRIED_BYTES_MAX / 1e9
    how = f"manifests of {CARRIED_BYTES_MAX // 1024} KB, kept for {days} days, were each save to write one"
    yield pricing.line("state", f"{name}: what it replaced", former_gb, "s3_stored_gb", how, paid=Paid.ASSEMBLY)
