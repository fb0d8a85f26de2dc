"""How an application runs: its start, its limits, where its output goes."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from core.application import OPEN_FILES_MAX, RunKind
from spec.grammars import AgentWord, Command, Parameter, UnitName
from spec.quantities import Size
from spec.section import Section
from spec.values import NodePath, Text, wrong

PROCESSES_MAX = 4_194_304  # PID_MAX_LIMIT of 64-bit kernels, proc(5)


class OcfSection(Section):
    provider: AgentWord = Field(default="heartbeat", description="who made the resource agent, such as heartbeat")
    type: AgentWord = Field(description="the resource agent, such as pgsql")
    parameters: dict[Parameter, Text] = Field(
        default_factory=dict, max_length=100, description="its parameters, all texts; put numbers and yes/no in quotes"
    )
    check_level: Literal[0, 10, 20] = Field(
        default=0, description="how thorough its monitor action is (OCF_CHECK_LEVEL): 0, 10 or 20, if it knows them"
    )
    root: NodePath = Field(default="/usr/lib/ocf", description="where resource agents are, an absolute folder on the node")


class RunSection(Section):
    exec: Command | None = Field(
        default=None, description="the program, as an absolute path, and its arguments: a list of texts; no shell reads it"
    )
    systemd: UnitName | None = Field(default=None, description="a service unit of the image's, such as postgresql@16-main.service")
    ocf: OcfSection | None = Field(default=None, description="a resource agent of the OCF standard")
    lsb: NodePath | None = Field(default=None, description="an init script, as an absolute path such as /etc/init.d/tomcat")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [kind.value for kind in RunKind if getattr(self, kind.value) is not None]
        if len(given) != 1:
            told = f"says {' and '.join(given)}" if given else "says nothing"
            raise wrong(told, f"give exactly one of {', '.join(kind.value for kind in RunKind)}")
        return self


class LimitsSection(Section):
    open_files: int | None = Field(
        default=None, ge=16, le=OPEN_FILES_MAX, description=f"files and connections that one process may hold, 16 to {OPEN_FILES_MAX}"
    )
    memory: Annotated[int, Size("4M", "64T")] | None = Field(
        default=None, description="memory of all its processes, such as 1G (1024 M); beyond it the kernel kills one of them"
    )
    processes: int | None = Field(default=None, ge=1, le=PROCESSES_MAX, description=f"processes and threads together, 1 to {PROCESSES_MAX}")


class OutputSection(Section):
    file: NodePath = Field(description="absolute path on the node that its standard output and error go to, instead of the journal")
    size: Annotated[int, Size("64K", "100G")] = Field(default=10 << 20, description="the file is rotated at this size, such as 10M")
    keep: int = Field(default=5, ge=0, le=100, description="how many old files are kept, 0 to 100")
