"""What the functions of a foundation look after: the one deployable that it belongs to, or whatever is put on a shared one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core import names
from core.model import Deployable, SharedFoundation
from stacks import permissions as may

ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """name: in texts for people. pairs: (deployable, assembly) of all that is known at synth, or of anything at all.

    whose: what a policy demands of what is acted on. tag: what our own parts bear.
    sweeps: the dimension of the metric of sweeps. ports: where the prober finds nodes, as far as known. hooks: the metadata of the
    hooks to listen to, as a pattern of EventBridge. deployable: the one that it all belongs to.
    """

    name: str
    whose: may.Whose
    tag: tuple[str, str]
    pairs: tuple[tuple[str, str], ...]
    hooks: list[object]
    sweeps: Mapping[str, str]
    ports: tuple[int, ...] = ()
    notify: tuple[str, ...] = ()
    deployable: Deployable | None = None

    @property
    def pools(self) -> bool:
        """Whether a warm pool has to be looked into, or may have to."""
        return self.deployable is None or any(assembly.capacity.warm_pool for assembly in self.deployable.assemblies)

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """The (deployable, assembly) that are known at synth."""
        return tuple(pair for pair in self.pairs if ANY not in pair)

    def partitions(self, key: Callable[[str, str], str]) -> list[str]:
        return [key(*pair) for pair in self.pairs]

    def histories(self) -> list[str]:
        return list(dict.fromkeys(names.history_pk(deployable) for deployable, _ in self.pairs))

    def intents(self) -> list[str]:
        return list(dict.fromkeys(names.intent_pk(deployable) for deployable, _ in self.pairs))


def reach_of(deployable: Deployable) -> Reach:
    """A deployable that has a foundation of its own: everything is known to the letter."""
    assemblies = deployable.assemblies
    return Reach(
        name=deployable.name,
        whose=deployable.name,
        tag=(names.TAG_DEPLOYABLE, deployable.name),
        pairs=tuple((deployable.name, assembly.name) for assembly in assemblies),
        hooks=[names.hook_metadata(deployable.name, assembly.name) for assembly in assemblies],
        sweeps={names.DIM_DEPLOYABLE: deployable.name},
        ports=tuple(sorted({port for assembly in assemblies for port in (assembly.ha_port, assembly.http_port)})),
        notify=deployable.notify,
        deployable=deployable,
    )


def reach_of_all(foundation: SharedFoundation) -> Reach:
    """A shared foundation: by kind in its own table, by its tag elsewhere, for it does not know who will stand on it.

    What only a deployable's own stack can name (its front, the stack itself) that stack adds to the roles: stacks.joined.
    """
    return Reach(
        name=f"foundation {foundation.name}",
        whose=may.Shared(foundation.name),
        tag=(names.TAG_FOUNDATION, foundation.name),
        pairs=((ANY, ANY),),
        # Hooks of other foundations are left alone by the handler: who is registered elsewhere is not watched here.
        hooks=[{"prefix": f"{names.PRODUCT}/"}],
        sweeps={names.DIM_FOUNDATION: foundation.name},
        notify=foundation.notify,
    )
