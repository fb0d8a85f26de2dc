"""What every drill promises that must not cost a machine: nobody else stirs, and clients are served again."""

from __future__ import annotations

from lab.drills import measure
from lab.drills.cloud import wait_for
from lab.drills.model import Promise, exactly
from lab.drills.node import Node
from lab.drills.stage import Situation, Stage

SHOWS_ITSELF_S = 10.0  # within which a wrong incident would be opened


def served_again(stage: Stage, since: float) -> Promise:
    """Ten good answers in a row, all after the fault's end."""
    served = wait_for(lambda: stage.client.good_since(since, count=10), timeout_s=60)
    return exactly("clients are served again", int(served), 1)


def nobody_stirs(stage: Stage, before: Situation, *, for_s: float = SHOWS_ITSELF_S) -> tuple[Promise, ...]:
    """No incident, no new machine, the same permit; watched for a while after the drill."""
    wait_for(lambda: stage.open_incident() is not None, timeout_s=for_s)
    after = stage.situation()
    return (
        exactly("incidents", len(after.ended - before.ended) + (stage.open_incident() is not None), 0),
        exactly("machines launched", len(after.launched - before.launched), 0),
        exactly("changes of the permit", int((after.holder, after.epoch) != (before.holder, before.epoch)), 0),
    )


def restarted(node: Node, before: int | None, wanted: int) -> Promise:
    """By the agent's own count, which it may tell a moment later; on a busy machine it may not answer in time."""
    known = before or 0
    last = 0

    def there() -> bool:
        nonlocal last
        count = node.restarts()
        last = last if count is None else count - known
        return count is not None and last == wanted

    wait_for(there, timeout_s=10)
    return exactly("restarts of the application", last, wanted)


def gap_s(stage: Stage, since: float) -> float | None:
    """The client's longest gap that ends after an instant."""
    gap = measure.longest_gap(stage.samples(since), since=since)
    return None if gap is None else gap.seconds
