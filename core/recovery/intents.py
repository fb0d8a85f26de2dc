"""An operator's word: what is asked for, of what, why, by whom, and until when; the functions heed it, and it expires by itself.

One item a kind and target; whoever says the same again writes over it, on condition of its revision. Nothing is ever deleted: what
is taken back is kept, with who took it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from core import names
from core.items import BadRecord

VERSION = 1
KEPT_S = 90 * 86400  # after it ended, as evidence is
REASON_CHARS_MAX = 240
WHO_CHARS_MAX = 120
EVERY = "*"  # the target that means each assembly of the deployable
BEGIN_S_MAX = 30 * 86400.0  # a window further off than this is forgotten before it comes


class Kind(StrEnum):
    PAUSE = "pause"  # nothing is replaced, neither by us nor by Auto Scaling
    MAINTENANCE = "maintenance"  # the same, for a window that may begin later, and said as such
    SHADOW = "shadow"  # everything is decided and recorded, and nothing done
    REPLACE = "replace"  # this node is to be replaced, once
    RESUME = "resume"  # what this incident stopped may go on: somebody has looked


# How long a word may hold at most: what is forgotten must end by itself, and a pause that is forgotten protects nobody.
LONGEST_S = {Kind.PAUSE: 7 * 86400.0, Kind.MAINTENANCE: 7 * 86400.0, Kind.SHADOW: 30 * 86400.0, Kind.REPLACE: 86400.0, Kind.RESUME: 86400.0}


class BadIntent(ValueError):
    """What was asked for cannot be: says which part, and what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Times are whole milliseconds; it holds from from_ms until until_ms, unless it was taken back at ended_ms (0: it was not).

    target: an assembly, EVERY, of REPLACE the instance, or of RESUME the incident. revision: of the stored item, 0 when there is none.
    """

    deployable: str
    kind: Kind
    target: str
    reason: str
    who: str
    made_ms: int
    from_ms: int
    until_ms: int
    revision: int = 0
    ended_ms: int = 0
    ended_by: str = ""
    ended_reason: str = ""

    def holds(self, now_ms: int) -> bool:
        return not self.ended_ms and self.from_ms <= now_ms < self.until_ms

    def is_to_come(self, now_ms: int) -> bool:
        return not self.ended_ms and now_ms < self.from_ms

    @property
    def words(self) -> str:
        return f"{self.reason} (by {self.who})"

    @property
    def said(self) -> str:
        """As it stands in the record of an incident."""
        return f"{self.kind.value}: {self.words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What holds for one assembly now. replace: by instance. resumed: ids of incidents that people have looked after."""

    paused: Intent | None = None
    shadow: Intent | None = None
    replace: Mapping[str, Intent] = field(default_factory=dict)
    resumed: tuple[str, ...] = ()


def asked(
    kind: Kind, target: str, *, deployable: str, reason: str, who: str, now_ms: int, for_s: float, begins_ms: int | None = None
) -> Intent:
    """A new word, checked. Raises BadIntent."""
    if not reason.strip():
        raise BadIntent("a reason is needed: whoever finds it at night must know why")
    if not 0 < for_s <= LONGEST_S[kind]:
        raise BadIntent(
            f"{kind.value} for {for_s:g} s: it may hold for at most {LONGEST_S[kind] / 86400:g} days, and then it is said again"
        )
    from_ms = now_ms if begins_ms is None else begins_ms
    if begins_ms is not None and not now_ms - 60_000 <= begins_ms <= now_ms + BEGIN_S_MAX * 1000:
        raise BadIntent(
            f"it would begin {(begins_ms - now_ms) / 3600_000:.1f} hours from now: between now and {BEGIN_S_MAX / 86400:g} days"
        )
    return Intent(
        deployable=deployable,
        kind=kind,
        target=target,
        reason=reason.strip()[:REASON_CHARS_MAX],
        who=(who.strip() or "unknown")[:WHO_CHARS_MAX],
        made_ms=now_ms,
        from_ms=from_ms,
        until_ms=from_ms + round(for_s * 1000),
    )


def taken_back(intent: Intent, *, who: str, reason: str, now_ms: int) -> Intent:
    """The same, ended by an operator. Raises BadIntent without a reason."""
    if not reason.strip():
        raise BadIntent("a reason is needed: whoever finds it at night must know why")
    return replace(
        intent, ended_ms=now_ms, ended_by=(who.strip() or "unknown")[:WHO_CHARS_MAX], ended_reason=reason.strip()[:REASON_CHARS_MAX]
    )


def standing(intents: Iterable[Intent], assembly: str, now_ms: int) -> Standing:
    """Of all of the deployable's. Where a pause and a maintenance hold at once, the one that holds longest is named."""
    live = [i for i in intents if i.holds(now_ms)]
    meant = [i for i in live if i.target in (assembly, EVERY)]
    return Standing(
        paused=_longest(i for i in meant if i.kind in (Kind.PAUSE, Kind.MAINTENANCE)),
        shadow=_longest(i for i in meant if i.kind is Kind.SHADOW),
        replace={i.target: i for i in live if i.kind is Kind.REPLACE},
        resumed=tuple(sorted(i.target for i in live if i.kind is Kind.RESUME)),
    )


def _longest(intents: Iterable[Intent]) -> Intent | None:
    return max(intents, key=lambda i: (i.until_ms, i.target), default=None)


# --- as an item -------------------------------------------------------------------------------------

_TEXTS = ("reason", "who", "ended_by", "ended_reason")
_NUMBERS = ("made_ms", "from_ms", "until_ms", "revision", "ended_ms")


def intent_sk(kind: Kind, target: str) -> str:
    return f"{kind.value.upper()}#{target}"


def intent_item(intent: Intent) -> dict[str, Any]:
    item: dict[str, Any] = {
        names.PK: names.intent_pk(intent.deployable),
        names.SK: intent_sk(intent.kind, intent.target),
        "version": VERSION,
        names.TTL: intent.until_ms // 1000 + KEPT_S,
    }
    for name in (*_TEXTS, *_NUMBERS):
        item[name] = getattr(intent, name)
    return item


def parse_intent(item: Mapping[str, Any]) -> Intent:
    """Raises BadRecord naming the key of the item and the field."""
    where = f"{item.get(names.PK)}/{item.get(names.SK)}"
    head, _, deployable = str(item.get(names.PK)).partition("#")
    word, _, target = str(item.get(names.SK)).partition("#")
    if head != "INTENT" or not deployable or not target:
        raise BadRecord(f"{where}: expected INTENT#DEPLOYABLE and KIND#TARGET")
    version = item.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise BadRecord(f"{where}: version is {version!r}, this reader knows up to {VERSION}")
    fields: dict[str, Any] = {}
    for kind, wanted in ((str, _TEXTS), (int, _NUMBERS)):
        for name in wanted:
            value = item.get(name)
            if not isinstance(value, kind) or isinstance(value, bool):
                raise BadRecord(f"{where}: {name} is {value!r}, expected {kind.__name__}")
            fields[name] = value
    try:
        return Intent(deployable=deployable, kind=Kind(word.lower()), target=target, **fields)
    except ValueError as error:
        raise BadRecord(f"{where}: {word!r} is none of {', '.join(k.value.upper() for k in Kind)}") from error
