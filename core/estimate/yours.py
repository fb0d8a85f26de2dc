"""What the service itself costs a month, with or without Understudy: each feature of the file a function and a row of `NEEDED`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from core.estimate.balancer import balancer
from core.estimate.files import kept_files
from core.estimate.lines import HOURS_A_MONTH, Group, Line, Paid, Pricing, Rates
from core.estimate.state import kept_state
from core.estimate.volume import kept_volume
from core.model import Assembly, Deployable, FrontKind

ROOT_GB = 16  # stacks.launch.ROOT_GB, of each node's gp3 disk


def yours(deployable: Deployable, rates: Rates) -> Iterator[Line]:
    pricing = Pricing(rates, Group.YOURS)
    for assembly in deployable.assemblies:
        for lines in NEEDED:
            yield from lines(assembly, pricing)
        yield from balancer(assembly, deployable.network.zones, pricing)


def _machine(assembly: Assembly, pricing: Pricing) -> Iterator[Line]:
    """One node, of the type that is tried first. The price of spot moves; it never exceeds that of on demand unless a template says so.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-instances-history.html
    """
    wanted = assembly.instances[0]
    bought = "spot, at the price of on demand, which it does not exceed" if assembly.capacity.spot else "on demand"
    yield pricing.instance(f"{assembly.name}: {wanted}", wanted, f"1 {bought}, Linux, without what bursts of t types may add")


def _disk(assembly: Assembly, pricing: Pricing) -> Iterator[Line]:
    yield pricing.line("disk", assembly.name, ROOT_GB, "ebs_gp3_gb", f"{ROOT_GB} GB gp3, encrypted", paid=Paid.ASSEMBLY)


def _pool(assembly: Assembly, pricing: Pricing) -> Iterator[Line]:
    """A stopped instance costs its disk alone, and what it runs while it is laid out: minutes, each time that it was needed.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-warm-pools.html ("you pay only for the volumes")
    """
    if assembly.capacity.warm_pool:
        how = f"{ROOT_GB} GB gp3 of the machine that is stopped, without the minutes that it runs after each replacement"
        yield pricing.line("warm pool", assembly.name, ROOT_GB, "ebs_gp3_gb", how, paid=Paid.ASSEMBLY)


def _front(assembly: Assembly, pricing: Pricing) -> Iterator[Line]:
    if assembly.front.kind is FrontKind.ELASTIC_IP:
        how = "1 Elastic IP, in use or not"
        yield pricing.line("public address", assembly.name, HOURS_A_MONTH, "public_ipv4_hour", how, paid=Paid.ASSEMBLY)
    record = assembly.front.record
    if record is not None and record.zone is None:
        yield pricing.line(
            "zone", assembly.name, 1, "hosted_zone", f"1 private zone for {record.name}, without its look-ups", paid=Paid.ASSEMBLY
        )


NEEDED: tuple[Callable[[Assembly, Pricing], Iterator[Line]], ...] = (_machine, _disk, _pool, _front, kept_state, kept_volume, kept_files)
