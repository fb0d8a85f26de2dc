"""A node told as a story: one snapshot after the other, a clock turned by hand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from core.application import Run
from core.model import Application, Assembly, Probe, Verdict
from core.node.database_outage import Heard
from core.node.decision import Concluded, Decision, Hold, Kept, Memory, Seen, Snapshot, Start, Stop, decide
from core.records import Permit, Phase
from core.settings import start_order

ME, OTHER = "i-me", "i-other"


def application(name: str, **changes: Any) -> Application:
    return Application(**{"name": name, "run": Run(exec=(name,)), "probes": (Probe(tcp="127.0.0.1:1"),), "stop_timeout_s": 10.0, **changes})


def assembly(*applications: Application) -> Assembly:
    return Assembly(name="a", image="debian-12", instances=("t4g.small",), applications=applications, ha_port=1, http_port=2)


@dataclass
class Story:
    """A node whose processes do as they are told, unless the story says otherwise."""

    assembly: Assembly
    memory: Memory = field(default_factory=lambda: Memory(instance=ME))
    seen: dict[str, Seen] = field(default_factory=dict)
    permit: Permit | None = None
    prepared: bool = False
    terminating: bool = False
    stop_asked: bool = False
    powering_off: bool = False
    rebooting: bool = False
    held: dict[str, Hold] = field(default_factory=dict)
    kept: Kept | None = None
    database: Heard | None = None
    now_s: float = 100.0
    last: Decision | None = None

    def __post_init__(self) -> None:
        self.seen = {application.name: Seen() for application in self.assembly.applications} | self.seen

    def snapshot(self) -> Snapshot:
        return Snapshot(
            now_s=self.now_s,
            permit=self.permit,
            prepared=self.prepared,
            terminating=self.terminating,
            stop_asked=self.stop_asked,
            powering_off=self.powering_off,
            rebooting=self.rebooting,
            held=dict(self.held),
            kept=self.kept,
            database=self.database,
            applications=dict(self.seen),
        )

    def step(self, after_s: float = 0.0) -> list[Any]:
        """One decision, carried out at once; what was decided."""
        self.now_s += after_s
        self.last = decide(self.memory, self.snapshot(), self.assembly)
        self.memory = self.last.memory
        for action in self.last.actions:
            if isinstance(action, Start):
                run = self.seen[action.name].run + 1
                self.seen[action.name] = Seen(run=run, epoch=action.epoch, alive=True, started_at_s=self.now_s)
            elif isinstance(action, Stop):
                self.seen[action.name] = replace(self.seen[action.name], stopping=True)
        return list(self.last.actions)

    def settle(self) -> None:
        while self.step():
            pass

    def named(self, instance: str = ME, epoch: int = 1) -> None:
        self.permit = Permit(deployable="d", assembly="a", instance=instance, epoch=epoch, at_ms=0)

    def healthy(self, *names: str) -> None:
        for name in names:
            self.seen[name] = replace(self.seen[name], ready=True, verdict=Verdict.HEALTHY, reason="", healthy_since_s=self.now_s)

    def ends(self, name: str, why: str = "exited with status 1") -> None:
        self.seen[name] = replace(self.seen[name], alive=False, stopping=False, ended=why)

    @property
    def now(self) -> Concluded:
        assert self.last is not None
        return self.last.concluded

    @property
    def started(self) -> list[str]:
        assert self.last is not None
        return [action.name for action in self.last.actions if isinstance(action, Start)]


def running(*applications: Application, epoch: int = 1) -> Story:
    story = Story(assembly(*(applications or (application("web"),))))
    story.named(epoch=epoch)
    for name in start_order(story.assembly):
        story.settle()
        story.healthy(name)
    story.settle()
    assert story.now.phase is Phase.RUNNING
    return story
