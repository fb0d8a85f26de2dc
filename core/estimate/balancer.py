"""What a load balancer costs a month: its hours, what it handles, its public addresses, its logs."""

from __future__ import annotations

from collections.abc import Iterator

from core.estimate.lines import HOURS_A_MONTH, Line, Paid, Pricing
from core.model import Assembly

UNITS = 1.0  # capacity units at any time, assumed: a node that is one of its kind seldom has more clients than that
# What one unit holds (https://aws.amazon.com/elasticloadbalancing/pricing/).
_HOLDS = {
    "alb": "25 new connections a second, 3,000 at once, 1 GB an hour",
    "nlb": "800 new connections a second, 100,000 at once, 1 GB an hour",
}
LOGS_GB = 1.0


def balancer(assembly: Assembly, zones: int, pricing: Pricing) -> Iterator[Line]:
    """zones: of the network; an address in each."""
    front = assembly.front.balancer
    if front is None:
        return
    kind = assembly.front.kind.value
    yield pricing.line(
        "load balancer", assembly.name, HOURS_A_MONTH, f"{kind}_hour", f"1 {kind.upper()}, its own rate alone", paid=Paid.ASSEMBLY
    )
    how = f"{UNITS:g} unit at any time (assumed): {_HOLDS[kind]}"
    yield pricing.line("load balancer", f"{assembly.name}: capacity", HOURS_A_MONTH * UNITS, f"{kind}_lcu_hour", how, paid=Paid.ASSEMBLY)
    if not front.internal:
        how = f"1 in each of {zones} zones" if zones > 1 else "1"
        yield pricing.line(
            "public address", f"{assembly.name}: load balancer", HOURS_A_MONTH * zones, "public_ipv4_hour", how, paid=Paid.ASSEMBLY
        )
    if front.access_logs:
        how = f"{LOGS_GB:g} GB (assumed): three months of them"
        yield pricing.line("bucket", f"{assembly.name}: access logs", LOGS_GB, "s3_stored_gb", how, paid=Paid.ASSEMBLY)
