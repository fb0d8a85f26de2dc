"""The drills of a deployable with a database: entries are written all the while, and what was acknowledged must be there afterwards."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from lab.drills import measure
from lab.drills.cloud import wait_for
from lab.drills.machine_scenes import kill_instance
from lab.drills.model import Outcome, Promise, at_most, exactly
from lab.drills.stage import Situation, Stage

OUTPUT = "Database"  # what such a stack tells of itself: the instance's name
_PERIOD_S, _TIMEOUT_S = 0.1, 4.0
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
STARTED, COMPLETED = "RDS-EVENT-0013", "RDS-EVENT-0049"
WAITS = "busy: database: "
_BEFORE = 20  # entries that must be acknowledged before anything is broken


class Writer:
    """Posts entries to the front, one after the other, and remembers the numbers that were acknowledged; as a context manager."""

    def __init__(self, find: Callable[[], str], port: int) -> None:
        self._find, self._port = find, port
        self.acknowledged: list[tuple[float, int]] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True, name="writer")

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(2 * _TIMEOUT_S)

    def since(self, at: float) -> int:
        return sum(when >= at for when, _ in list(self.acknowledged))

    def _write(self) -> None:
        while not self._done.wait(_PERIOD_S):
            status, value = self.ask("POST", "/")
            if status == 200 and isinstance(value.get("committed"), int):
                self.acknowledged.append((time.time(), int(value["committed"])))

    def ask(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        """(status, body); 0 when nobody answered: then nobody knows what became of it."""
        try:
            connection = http.client.HTTPConnection(self._find(), self._port, timeout=_TIMEOUT_S)
            try:
                connection.request(method, path, headers={"Connection": "close"})
                response = connection.getresponse()
                value = json.loads(response.read(1 << 20))
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError):
            return 0, {}
        return response.status, value if isinstance(value, dict) else {}


def fail_over_database(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """The program's own probe of its readiness fails all the while: it must be told busy for its database, and left alone."""
    database, told = _database(stage), set[str]()
    mended = {row["id"] for row in stage.cloud.mended(stage.slot)}
    with Writer(stage.slot.finder(), stage.slot.ports[0]) as writer:
        wait_for(lambda: len(writer.acknowledged) >= _BEFORE, timeout_s=stage.patience_s, every_s=0.2)
        at = time.time()
        stage.tell(f"{database} is rebooted with failover")
        stage.cloud.clients["rds"].reboot_db_instance(DBInstanceIdentifier=database, ForceFailover=True)

        def is_over() -> bool:
            told.update(_told_of_applications(stage))
            return _in_history(stage, COMPLETED, at) > 0 and stage.client.good_since(at, count=10)

        wait_for(is_over, timeout_s=stage.patience_s, every_s=0.5)
        again = time.time()
        wait_for(lambda: writer.since(again) >= _BEFORE, timeout_s=stage.patience_s, every_s=0.2)
        wait_for(lambda: not any(WAITS in said for said in _told_of_applications(stage)), timeout_s=stage.patience_s, every_s=0.5)
        wait_for(lambda: len(stage.told_people(at)) > 1, timeout_s=stage.patience_s, every_s=0.5)
    new = [row for row in stage.cloud.mended(stage.slot) if row["id"] not in mended]
    until = time.time()
    restarts = stage.restarts_before
    after = stage.situation()
    gap = measure.longest_gap(stage.samples(at), since=at)
    promises = (
        *_kept(writer, again),
        at_most("our share of the gap", stage.split(gap)[1] if gap else None, limit_s, "s"),
        exactly("the program was said to be busy for its database", int(any(said.startswith(WAITS) for said in told)), 1),
        exactly("the program was said to be failing", int(any(said.startswith("failing") for said in told)), 0),
        exactly("restarts of the program", stage.restarts_before - restarts, 0),
        exactly("failovers begun, in the deployable's history", _in_history(stage, STARTED, at), 1),
        exactly("failovers completed, in the deployable's history", _in_history(stage, COMPLETED, at), 1),
        exactly("machines launched", len(after.launched - before.launched), 0),
        exactly("changes of the permit", int((after.holder, after.epoch) != (before.holder, before.epoch)), 0),
        exactly("incidents of recovery", len(after.ended - before.ended) + (stage.open_incident() is not None), 0),
        exactly("incidents that AWS mended by itself", len(new), 1),
        exactly("of them recovered, with all four durations", sum(_is_whole(row) for row in new), 1),
        exactly("messages to people about it", len(stage.told_people(at)), 2),
    )
    return Outcome(promises, None, until)


def _is_whole(incident: dict[str, Any]) -> bool:
    """decide is 0: AWS's own word needs no confirmation."""
    return incident["state"] == "recovered" and all(int(incident[f"{phase}_ms"]) > 0 for phase in ("detect", "act", "verify"))


def _told_of_applications(stage: Stage) -> set[str]:
    """The verdict of each application with its reason, as the nodes report them."""
    return {f"{app['verdict']}: {app.get('reason', '')}" for report in stage.reports() for app in report["applications"].values()}


def kill_while_writing(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    _database(stage)
    with Writer(stage.slot.finder(), stage.slot.ports[0]) as writer:
        wait_for(lambda: len(writer.acknowledged) >= _BEFORE, timeout_s=stage.patience_s, every_s=0.2)
        outcome = kill_instance(stage, before, limit_s)
        again = time.time()
        wait_for(lambda: writer.since(again) >= _BEFORE, timeout_s=stage.patience_s, every_s=0.2)
    return Outcome((*_kept(writer, again), *outcome.promises), outcome.incident, time.time())


def _database(stage: Stage) -> str:
    if OUTPUT not in stage.cloud.outputs:
        raise LookupError("the deployable has no database: play it with one that has, such as deployables/ledger.yaml")
    return stage.cloud.outputs[OUTPUT]


def _kept(writer: Writer, again: float) -> tuple[Promise, ...]:
    _, told = writer.ask("GET", "/numbers")
    acknowledged = {number for _, number in writer.acknowledged}
    lost = acknowledged - set(told.get("numbers", ()))
    return (
        exactly("acknowledged entries that are lost", len(lost), 0),
        exactly(f"entries acknowledged before the fault and after it, {_BEFORE} of each at least", int(writer.since(again) >= _BEFORE), 1),
    )


def _in_history(stage: Stage, kind: str, since: float) -> int:
    """How often the deployable's history has an event of RDS since then."""
    rows = stage.cloud.items(f"HISTORY#{stage.slot.deployable}")
    return sum(row["kind"] == kind and float(row["at_ms"]) / 1000 >= since for row in rows)
