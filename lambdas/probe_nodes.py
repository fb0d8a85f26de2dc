"""Looks at every node from outside, at once, and says for each assembly in one number whether it serves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core import names
from core.items import BadRecord
from core.model import Verdict
from core.records import Looks, Phase, Report
from core.recovery.outlook import answers, healthy_value, report_age_s, with_look, without_expired
from core.watching.fleet import Watched
from core.watching.sweep import SWEEP_LATE_S
from core.watching.wakes import BadEvent, message_body
from lambdas.adapters import clock, emf, log, register, sweeping, table, world
from lambdas.adapters.asking import Address, look_at_all
from lambdas.adapters.clients import WorldFailed

ME = "probe_nodes"
PREPARED = Phase.PREPARED
SAID_MAX = 20  # assemblies that do not serve, in words; of thousands down at once nobody reads a line each, and each is a metric


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """A sweep for each SQS record; or {"look": {"deployable", "assembly", "instance", "address"?}}: one fresh look, given back."""
    if "look" in event:
        register.hear(event)
        return _fresh_look(event["look"])
    failed = []
    for record in event.get("Records", []):
        try:
            _sweep_for(record)
        except BadEvent as error:
            log.say(ME, f"left alone: {error}")
        except WorldFailed as error:
            log.say(ME, f"sweep failed: {error}")
            failed.append({"itemIdentifier": str(record.get("messageId", ""))})
    return {"batchItemFailures": failed}


def _sweep_for(record: Mapping[str, Any]) -> None:
    """A late message is dropped: looking several times in a row says nothing that one look does not."""
    sweep = message_body(record).get("sweep")
    if not isinstance(sweep, dict) or not isinstance(sweep.get("due_ms"), int):
        raise BadEvent(f"sweep is {sweep!r:.80}: expected an object with due_ms")
    late_s = (clock.now_ms() - sweep["due_ms"]) / 1000
    if late_s > SWEEP_LATE_S:
        log.say(ME, f"dropped a sweep that is {late_s:.0f} s late")
        return
    register.hear(sweep)
    sweeps, failed = _read()
    _look(sweeps)
    failed = sweeping.write_all(looks for sweep in sweeps.values() for looks in sweep.after.values()) or failed
    _tell(sweeps)
    if failed is not None:
        raise failed  # the sweep was not a whole one; the others' numbers stand all the same
    dimension, values = register.sweeps_of()
    for value in values:
        emf.emit(names.METRIC_SWEEPS, 1, at_ms=clock.now_ms(), dimensions={dimension: value})


@dataclass(slots=True)
class _Sweep:
    """One assembly's: what its nodes say, what was seen of them before, and what is seen now."""

    reports: Mapping[str, Report]
    before: Mapping[str, Looks]
    after: dict[str, Looks] = field(default_factory=dict)

    def order(self, instance: str) -> int:
        """Who was silent is asked first, so that his timeout passes while the others answer."""
        before = self.before.get(instance)
        return 0 if before is not None and before.looks and before.looks[-1].verdict is Verdict.FAILING else 1


def _read() -> tuple[dict[Watched, _Sweep], WorldFailed | None]:
    """What could be read, and the last error beside it."""
    found: dict[Watched, _Sweep] = {}
    failed: WorldFailed | None = None
    assemblies = register.fleet().assemblies
    for watched, known in zip(assemblies, sweeping.read_all([(w.deployable, w.name) for w in assemblies]), strict=True):
        if isinstance(known, WorldFailed):
            failed = known
            continue
        found[watched] = _Sweep(without_expired(known.reports, clock.now_ms()), known.looks)
    if failed is not None:
        log.say(ME, f"could not read {len(assemblies) - len(found)} of {len(assemblies)} assemblies: {failed}")
    return found, failed


def _look(sweeps: Mapping[Watched, _Sweep]) -> None:
    """At all nodes of all assemblies at once. Raises WorldFailed when this side cannot ask."""
    networks = register.fleet().networks
    # Who is prepared for a warm pool is about to be stopped, or is: that he does not answer says nothing.
    everyone = [(w, sweep, report) for w, sweep in sweeps.items() for report in sweep.reports.values() if report.phase is not PREPARED]
    everyone.sort(key=lambda one: one[1].order(one[2].instance))
    addresses = [Address(report.address, report.ha_port, report.http_port, networks[watched.deployable]) for watched, _, report in everyone]
    for (watched, sweep, report), seen in zip(everyone, look_at_all(addresses, now_ms=clock.now_ms), strict=True):
        of = (watched.deployable, watched.name, report.instance)
        sweep.after[report.instance] = with_look(sweep.before.get(report.instance), seen, report, of=of)


def _tell(sweeps: Mapping[Watched, _Sweep]) -> None:
    """A number for each assembly that there is one of, and a few words about those that do not serve."""
    down = []
    for watched, sweep in sweeps.items():
        value = healthy_value(sweep.reports, sweep.after, watched.policy)
        if value is not None:
            dimensions = {names.DIM_DEPLOYABLE: watched.deployable, names.DIM_ASSEMBLY: watched.name}
            emf.emit(names.METRIC_HEALTHY, value, at_ms=clock.now_ms(), dimensions=dimensions)
        if value == 0:
            down.append((watched, sweep.after.values()))
    for watched, looks in down[:SAID_MAX]:
        log.say(ME, f"{watched.name} does not serve", looks=_seen(looks))
    if len(down) > SAID_MAX:
        log.say(ME, f"{len(down) - SAID_MAX} more do not serve, of {len(sweeps)}")


def _seen(looks: Iterable[Looks]) -> dict[str, str]:
    return {x.instance: f"{x.looks[-1].ha} / {x.looks[-1].http}" for x in looks}


def _fresh_look(wanted: Any) -> dict[str, Any]:
    """For whoever is about to act. Raises BadEvent, WorldFailed, BadRecord."""
    if not isinstance(wanted, Mapping) or not all(isinstance(wanted.get(k), str) for k in ("deployable", "assembly", "instance")):
        raise BadEvent(f"look is {wanted!r:.120}: expected deployable, assembly and instance")
    watched = world.watched(wanted["deployable"], wanted["assembly"])
    instance, name = wanted["instance"], (watched.deployable, watched.name)
    report = without_expired(table.node_records(*name)[0], clock.now_ms()).get(instance)
    network = register.fleet().networks[watched.deployable]
    address = Address(str(wanted.get("address", "")), watched.ha_port, watched.http_port, network)
    if report is not None:
        address = Address(report.address, report.ha_port, report.http_port, network)
    if not address.host:
        raise BadRecord(f"{instance} has no report, and no address was given to look at")
    (look,) = look_at_all([address], now_ms=clock.now_ms)
    looks = with_look(table.looks(*name).get(instance), look, report, of=(*name, instance))
    table.put_looks(looks)
    said = {"at_ms": look.at_ms, "verdict": look.verdict.value, "ha": look.ha, "http": look.http}
    log.say(ME, f"a fresh look at {instance}", **said)
    return {"look": said, "answered": answers(look), "report_age_s": report_age_s(looks)}
