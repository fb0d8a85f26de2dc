"""The hands of core.watching.mending: keeps the incidents of what AWS mends by itself, tells of them, and looks until each is over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from core import names
from core.items import BadRecord
from core.records import Report
from core.recovery.incident import Incident, noted
from core.report.notices import notice
from core.watching.fleet import Watched
from core.watching.mending import NODE_S, WHO, Seen, Word, due_ms, heard, judged, left_alone, opened_by
from lambdas import announcing
from lambdas.adapters import clock, log, table, topic
from lambdas.adapters.clients import Lost, WorldFailed
from lambdas.adapters.patience import Patience

EVERY_S = 3.0
WRITES_MAX = 10  # several events may be answered at once; each write that is lost was somebody else's step


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said of one assembly, in its order, each with the time when it was heard."""

    watched: Watched
    words: tuple[tuple[int, Word], ...]


def keep(everything: Iterable[Heard], context: Any, *, also: Iterable[tuple[Watched, str]] = ()) -> None:
    """Write down what was heard, and look at what this call opened until it is over. also: of whom, and of which kind, it takes one up.

    One assembly that cannot be written down or looked at holds up no other. Raises WorldFailed, BadRecord when all else is done.
    """
    failed: WorldFailed | BadRecord | None = None
    followed = [_Followed(watched, kind, Patience(WHO, context)) for watched, kind in also]
    for one in everything:
        try:
            for heard_ms, word in one.words:
                if _patiently_hear(one.watched, word, heard_ms, context):
                    followed.append(_Followed(one.watched, word.who, Patience(WHO, context)))
        except (WorldFailed, BadRecord) as error:
            failed = _said(one.watched, error)
    while followed and clock.left_s(context) > 0:
        for looked_at in tuple(followed):
            try:
                if looked_at.is_over():
                    followed.remove(looked_at)
            except (WorldFailed, BadRecord) as error:
                followed.remove(looked_at)
                failed = _said(looked_at.watched, error)
        if followed:
            clock.sleep(min(EVERY_S, max(0.0, clock.left_s(context))))
    if failed is not None:
        raise failed


def _patiently_hear(watched: Watched, word: Word, heard_ms: int, context: Any) -> bool:
    patience = Patience(WHO, context)
    while True:
        try:
            return hear(watched, word, heard_ms)
        except WorldFailed as error:
            patience.trouble(error)


def hear(watched: Watched, word: Word, heard_ms: int) -> bool:
    """Write it into the assembly's latest incident of its kind, or a new one; whether this call is to follow that.

    Told twice, it is there once. Raises WorldFailed, BadRecord.
    """
    place = (watched.deployable, watched.name)
    for _ in range(WRITES_MAX):
        latest = table.mended(*place, word.who)
        new = heard(latest, word, own=table.incident(*place), permit=table.permit(*place), now_ms=heard_ms)
        if new is None:
            return latest is not None and opened_by(latest, word)
        if latest is not None and latest.id != new.id:
            if latest.untold_end:  # before it is written over
                try:
                    _tell(latest, "end")
                    continue
                except WorldFailed as error:
                    new = noted(new, clock.now_ms(), WHO, f"could not tell people of the end of {latest.id}: {error}")
            table.keep_incident(latest)  # a call may have died before it kept it
        if _save(new) is not None:
            if latest is None or latest.id != new.id or new.ended:
                announcing.announce(new, who=WHO)
            return opened_by(new, word)
    raise WorldFailed("write an incident", "Contended", f"{WRITES_MAX} times somebody else wrote first: {watched.name}")


def left_of(watched: Watched) -> list[tuple[Watched, str]]:
    """The kinds of which nobody looks at the latest one, which is not over, or not told of. Raises WorldFailed."""
    found = table.all_mended(watched.deployable, watched.name)
    return [(watched, one.woken_by) for one in found if left_alone(one, watched.policy, now_ms=clock.now_ms()) is not None]


@dataclass
class _Followed:
    """One incident. first: the report that was there when it was first looked at in its present state, by node, boot and number.

    last, last_ms: the one that was there at the last look, and since when by this call's clock. due_ms: by incident, until when it is
    looked at.
    """

    watched: Watched
    kind: str
    patience: Patience
    looked: str = ""
    first: tuple[str, str, int] | None = None
    last: tuple[str, str, int] | None = None
    last_ms: int = 0
    due_ms: dict[str, int] = field(default_factory=dict)

    def is_over(self) -> bool:
        """Look at it, and take the steps that can be taken now. Raises WorldFailed when it has failed too often, BadRecord."""
        try:
            while self._goes_on():
                pass
            latest = table.mended(self.watched.deployable, self.watched.name, self.kind)
        except WorldFailed as error:
            self.patience.trouble(error)
            return False
        self.patience.well()
        return latest is None or (latest.ended and not latest.untold_end)

    def _goes_on(self) -> bool:
        """One step; False when there is none now."""
        place = (self.watched.deployable, self.watched.name)
        incident = table.mended(*place, self.kind)
        if incident is None:
            return False
        if not incident.ended and "open" not in incident.told:
            return _tell(incident, "open")
        if incident.ended:
            return incident.untold_end and _tell(incident, "end")
        now_ms = clock.now_ms()
        permit = table.permit(*place)
        report = table.node_records(*place)[0].get(permit.instance) if permit is not None else None
        moved = self._moved(f"{incident.id} {incident.state}", report, now_ms)
        due = self.due_ms.setdefault(incident.id, due_ms(incident, self.watched.policy, now_ms=now_ms))
        after = judged(incident, Seen(permit=permit, report=report, moved=moved), now_ms=now_ms, due_ms=due)
        saved = _save(after) if after is not None else None
        if saved is not None and saved.ended:
            announcing.announce(saved, who=WHO)
        return saved is not None

    def _moved(self, state: str, report: Report | None, now_ms: int) -> bool:
        """By the calls' clock alone: has it reported since that state was first seen, and within so long?"""
        at = (report.instance, report.boot, report.seq) if report is not None else None
        if at != self.last:
            self.last, self.last_ms = at, now_ms
        if state != self.looked:
            self.looked, self.first = state, at
        return at not in (None, self.first) and now_ms - self.last_ms <= NODE_S * 1000


def _save(incident: Incident) -> Incident | None:
    """The next revision; None when somebody else wrote first. Raises WorldFailed, where it may have landed too."""
    saved = replace(incident, revision=incident.revision + 1)
    try:
        table.put_incident(saved, sk=names.BY_AWS + saved.woken_by)
    except Lost as error:
        log.say(WHO, f"reading it again: {error}", assembly=incident.assembly)
        return None
    if saved.ended:
        table.keep_incident(saved)
    log.say(WHO, f"incident {saved.id} {saved.state.value}: {saved.notes[-1].what}", assembly=saved.assembly)
    return saved


def _tell(incident: Incident, what: str) -> bool:
    """Told twice, should this call die in between, is better than never; and a topic that fails holds up nothing but the telling.

    Whether it is written down that it was told. Raises WorldFailed.
    """
    try:
        topic.publish(*notice(incident, what, incident.reason))
        said = f"told people ({what})"
    except WorldFailed as error:
        if what == "end":
            raise
        said = f"could not tell people ({what}): {error}"
    return _save(noted(replace(incident, told=(*incident.told, what)), clock.now_ms(), WHO, said)) is not None


def _said(watched: Watched, error: WorldFailed | BadRecord) -> WorldFailed | BadRecord:
    log.say(WHO, f"failed: {error}", assembly=watched.name)
    return error
