"""What a group's machines are bought as, and how long they may live, as the deployable file says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from core.capacity import Capacity
from core.model import Assembly, Deployable
from spec.problems import Finding, KeyPath
from spec.section import Section
from spec.values import Duration, duration_text

SPOT = "machines that EC2 has to spare, for less; it takes them back with two minutes' notice"
WARM_POOL = (
    "another machine is launched beforehand, laid out and stopped: one that fails is replaced by it, which saves what a first boot takes; "
    "with one instance type, on demand"
)
LIFETIME = "a machine that has served for so long is replaced, 1d to 365d: a rehearsal of recovery; left out, never"


class CapacityKeys(Section):
    """Keys that stand in the assembly's own section."""

    spot: bool = Field(default=False, description=SPOT)
    warm_pool: bool = Field(default=False, description=WARM_POOL)
    maximum_lifetime: Annotated[float, Duration("1d", "365d")] | None = Field(default=None, description=LIFETIME)


def to_capacity(section: CapacityKeys) -> Capacity:
    return Capacity(spot=section.spot, lifetime_s=section.maximum_lifetime, warm_pool=section.warm_pool)


def check_capacity(here: KeyPath, assembly: Mapping[str, Any]) -> Iterator[Finding]:
    """A warm pool goes with nothing that it is not known to go with.

    Spot and several types: AWS's own documentation refused both for years ("This operation cannot be called on an Auto Scaling group that
    has a mixed instances policy", https://docs.aws.amazon.com/AutoScaling/latest/APIReference/API_PutWarmPool.html before 2025; its present
    page says nothing of it any more, nor that it is allowed). A volume and an interface are moved to a machine that waits for its permit:
    with one that comes out of a pool that was not tried.
    """
    if assembly.get("warm_pool") is not True:
        return
    types, front, state = assembly.get("instances"), assembly.get("front"), assembly.get("state")
    if assembly.get("spot") is True:
        yield (*here, "warm_pool"), True, "does not go with spot", "leave out spot or the pool: a pool has machines on demand only"
    if isinstance(types, list) and len(types) > 1:
        yield (*here, "warm_pool"), True, f"does not go with {len(types)} instance types", "name one instance type, or leave the pool out"
    if isinstance(state, Mapping) and state.get("keep") == "ebs":
        yield (*here, "warm_pool"), True, "does not go with state on a volume", "keep the state in s3, or leave the pool out"
    if isinstance(front, Mapping) and front.get("kind") == "network_interface":
        yield (*here, "warm_pool"), True, "does not go with a network interface", "choose another front, or leave the pool out"


def capacity_needs(assembly: Assembly) -> str | None:
    """What a person should know of a spot machine before anything is deployed."""
    if not assembly.capacity.spot:
        return None
    more = "" if len(assembly.instances) > 1 else "; name more instance types, so that there is a second choice"
    return (
        f"{assembly.name}: on spot there is no node while EC2 has none of {' or '.join(assembly.instances)} to spare, "
        f"and it takes one back with two minutes' notice{more}"
    )


def capacity_words(deployable: Deployable) -> list[str]:
    """For whoever reads what the file means."""
    words = [told for assembly in deployable.assemblies if (told := capacity_needs(assembly)) is not None]
    for assembly in deployable.assemblies:
        if assembly.capacity.warm_pool:
            words.append(
                f"{assembly.name}: one more machine is laid out and stopped, for its disk's price; the next replacement is that one"
            )
        if assembly.capacity.lifetime_s is not None:
            words.append(f"{assembly.name}: a machine is replaced after {duration_text(assembly.capacity.lifetime_s)} in service")
    return words
