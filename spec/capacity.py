"""What a group's machines are bought as, and how long they may live, as the deployable file says it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from core.capacity import Capacity
from core.model import Assembly, Deployable
from spec.section import Section
from spec.values import Duration, duration_text

SPOT = "machines that EC2 has to spare, for less; it takes them back with two minutes' notice"
LIFETIME = "a machine that has served for so long is replaced, 1d to 365d: a rehearsal of recovery; left out, never"


class CapacityKeys(Section):
    """Keys that stand in the assembly's own section."""

    spot: bool = Field(default=False, description=SPOT)
    maximum_lifetime: Annotated[float, Duration("1d", "365d")] | None = Field(default=None, description=LIFETIME)


def to_capacity(section: CapacityKeys) -> Capacity:
    return Capacity(spot=section.spot, lifetime_s=section.maximum_lifetime)


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
        if assembly.capacity.lifetime_s is not None:
            words.append(f"{assembly.name}: a machine is replaced after {duration_text(assembly.capacity.lifetime_s)} in service")
    return words
