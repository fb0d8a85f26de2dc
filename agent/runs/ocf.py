"""Applications that an OCF resource agent starts, stops and monitors (OCF resource agent API 1.1)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from agent.runs import ocf_codes
from agent.runs.actions import Acted, Action
from agent.runs.manager import START, STOP, Came, Refused, Scripted
from agent.runs.ocf_codes import Code, words_for
from agent.runs.ocf_metadata import BadMetadata, Metadata, parse
from core.application import Application
from core.node.health import ProbeResult

METADATA_TIMEOUT_S = 10.0
ACTION_TIMEOUT_S = 20.0  # where the meta-data says nothing: Pacemaker's default
_known: dict[tuple[str, int, int], Metadata] = {}


class Ocf(Scripted):
    """agent.runs.manager.Manager."""

    monitor_action = "monitor"

    def __init__(self, application: Application, environment: Mapping[str, str]) -> None:
        """environment: what its programs are told besides."""
        assert application.run.ocf is not None, f"{application.name} runs by {application.run.kind}"
        self._application, self._agent, self._told = application, application.run.ocf, environment
        self.user, self.directory = application.user, application.directory or "/"
        self.program = f"{self._agent.root}/resource.d/{self._agent.provider}/{self._agent.type}"
        self._metadata = Metadata(self._agent.type)

    async def prepare(self) -> None:
        """Meta-data first (kept until the agent changes), for the time an action may take stands in it; then its parameters."""
        try:
            status = os.stat(self.program)
        except OSError as error:
            raise Refused(f"no OCF agent {self._agent.provider}:{self._agent.type}: {self.program}: {error.strerror}") from error
        key = self.program, status.st_mtime_ns, status.st_ino
        if key not in _known:
            _known[key] = await self._ask()
        self._metadata = _known[key]
        self._check_parameters()
        acted = await self._act("validate-all")
        if acted.status not in (Code.SUCCESS, Code.UNIMPLEMENTED):
            raise Refused(words_for("validate-all", acted))

    async def _act(self, action: str) -> Acted:
        """In the agent's own name and place: for actions that start nothing."""
        application = self._application
        running = Action(self.command(action), environment=self.environment(action), directory="/", user=application.user)
        return await running.end(self.timeout_s(action))

    async def _ask(self) -> Metadata:
        acted = await self._act("meta-data")
        if acted.status != Code.SUCCESS:
            raise Refused(words_for("meta-data", acted))
        # Some agents say a word on standard error before; what is meant begins with the first tag.
        text = acted.said.encode()
        try:
            return parse(text[max(0, text.find(b"<")) : text.rfind(b">") + 1])
        except BadMetadata as error:
            raise Refused(f"OCF agent {self._agent.provider}:{self._agent.type}: {error}") from error

    def _check_parameters(self) -> None:
        """Raises Refused: unknown, missing, or not of its type."""
        known, given = self._metadata.parameters, dict(self._agent.parameters)
        for name, value in given.items():
            if name not in known:
                raise Refused(f"ocf.parameters.{name} is {value!r}: {self._agent.type} has no such parameter, it has {sorted(known)}")
            trouble = _type_trouble(known[name].type, value)
            if trouble:
                raise Refused(f"ocf.parameters.{name} is {value!r}: {trouble}")
        missing = [name for name, parameter in known.items() if parameter.required and not parameter.default and not given.get(name)]
        if missing:
            raise Refused(f"ocf.parameters lacks {missing}: {self._agent.type} requires them")

    def command(self, action: str) -> Sequence[str]:
        return (self.program, action)

    def environment(self, action: str) -> Mapping[str, str]:
        """The whole OCF_ prefix is the standard's: what else carries it is left out."""
        told = {name: value for name, value in self._told.items() if not name.startswith("OCF_")}
        interval_s = next((said.interval_s for said in self._metadata.actions if said.name == action and said.interval_s), 10.0)
        return {
            **told,
            **{f"OCF_RESKEY_{name}": value for name, value in self._agent.parameters},
            "OCF_RA_VERSION_MAJOR": "1",
            "OCF_RA_VERSION_MINOR": "1",
            "OCF_ROOT": self._agent.root,
            "OCF_RESOURCE_INSTANCE": self._application.name,
            "OCF_RESOURCE_TYPE": self._agent.type,
            "OCF_RESOURCE_PROVIDER": self._agent.provider,
            "OCF_CHECK_LEVEL": str(self._agent.check_level if action == "monitor" else 0),
            "OCF_OUTPUT_FORMAT": "text",
            "OCF_RESKEY_CRM_meta_timeout": str(round(self.timeout_s(action) * 1000)),
            "OCF_RESKEY_CRM_meta_interval": str(round(interval_s * 1000) if action == "monitor" else 0),
        }

    def timeout_s(self, action: str) -> float:
        """As its meta-data says."""
        if action == "meta-data":
            return METADATA_TIMEOUT_S
        depth = self._agent.check_level if action == "monitor" else 0
        return self._metadata.timeout_s(action, ACTION_TIMEOUT_S, depth=depth)

    def came(self, acted: Acted) -> Came:
        if acted.status in (Code.SUCCESS, Code.PROMOTED):
            return Came()
        said = words_for(START, acted)
        return Came(degraded=said) if acted.status in ocf_codes.DEGRADED else Came(trouble=said)

    def stop_trouble(self, acted: Acted) -> str | None:
        """Not running is not among what a stop may say, but it means what we want to hear."""
        return None if acted.status in (Code.SUCCESS, Code.NOT_RUNNING) else words_for(STOP, acted)

    def judged(self, acted: Acted) -> ProbeResult:
        return ocf_codes.judged(acted)

    def is_stopped(self, acted: Acted) -> bool:
        return acted.status == Code.NOT_RUNNING

    def pids(self) -> list[int]:
        return []


def _type_trouble(kind: str, value: str) -> str:
    """Why it is not of that type, as the standard has it; a type we do not know is not judged."""
    if kind == "integer" and not value.strip().lstrip("+-").isdecimal():
        return "use an integer"
    if kind == "boolean" and value.lower() not in ("0", "1", "true", "false", "yes", "no", "on", "off"):
        return "use true or false"
    return ""
