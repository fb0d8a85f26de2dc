"""Questions that tell whether an application is well."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from core.application import ProbeKind
from spec.grammars import Command, HeaderText, ProcessName
from spec.quantities import one_or_more
from spec.section import Section
from spec.values import Duration, Http, Matching, NodePath, Tcp, wrong

# Keys that belong to one kind of probe; elsewhere they would be read and never heeded.
BELONGS = {
    "send": ProbeKind.TCP,
    "expect": ProbeKind.TCP,
    "status": ProbeKind.HTTP,
    "body": ProbeKind.HTTP,
    "header": ProbeKind.HTTP,
    "busy_exit": ProbeKind.COMMAND,
    "age": ProbeKind.FILE,
}
# What a line protocol needs: text with line ends and tabs.
Sent = Annotated[str, Matching(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]{1,1024}", "cannot be sent", "use at most 1024 characters of text")]
Contained = Annotated[str, Matching(r"[^\x00-\x08\x0a-\x1f\x7f]{1,1024}", "cannot be looked for", "use one line of 1 to 1024 characters")]
Code = Annotated[int, Field(ge=100, le=599)]
Exit = Annotated[int, Field(ge=1, le=255)]


class ProbeSection(Section):
    http: Http | None = Field(
        default=None, description="address on this node that answers 2xx or 3xx when all is well, such as http://127.0.0.1:8080/healthz"
    )
    tcp: Tcp | None = Field(default=None, description="host:port on this node that accepts a connection, such as 127.0.0.1:8080")
    command: Command | None = Field(
        default=None, description="a program, as an absolute path, and its arguments: exit 0 is well, any other but busy_exit is failing"
    )
    file: NodePath | None = Field(default=None, description="a file, as an absolute path, that must have changed within `age`")
    process: ProcessName | None = Field(default=None, description="a process of the application's must have this name")
    send: Sent | None = Field(default=None, description='tcp: text that is sent first, such as "PING\\r\\n"')
    expect: Contained | None = Field(default=None, description="tcp: what the answer must contain")
    status: Annotated[list[Code], one_or_more({"type": "integer", "minimum": 100, "maximum": 599})] = Field(
        default_factory=list, max_length=20, description="http: the status, or a list of them, that is well; left out, 200 to 399"
    )
    body: Contained | None = Field(default=None, description="http: what the answer's body must contain")
    header: HeaderText | None = Field(default=None, description="http: a header that the answer must have, as `Name: value`")
    busy_exit: Annotated[list[Exit], one_or_more({"type": "integer", "minimum": 1, "maximum": 255})] = Field(
        default_factory=list, max_length=20, description="command: the exit code, or a list of them, that means busy; 1 to 255"
    )
    age: Annotated[float, Duration("1s", "30d")] | None = Field(
        default=None, description="file: how long ago it may have changed at most, such as 5m"
    )
    every: Annotated[float, Duration("100ms", "1h")] = Field(default=5.0, description="how often to ask, such as 5s")
    timeout: Annotated[float, Duration("10ms", "10m")] = Field(default=2.0, description="how long to wait for the answer; at most `every`")
    jitter: Annotated[float, Duration("0s", "1h")] = Field(
        default=0.0, description="up to so much, at random, is added to each pause; at most `every`"
    )
    rise: int = Field(default=1, ge=1, le=100, description="successes in a row before the verdict is healthy")
    fall: int = Field(default=2, ge=1, le=100, description="failures in a row before the verdict is failing")

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        given = [kind for kind in ProbeKind if getattr(self, kind.value) is not None]
        if len(given) != 1:
            kinds = ", ".join(kind.value for kind in ProbeKind)
            raise wrong("asks nothing, or two things", f"give exactly one of {kinds}; a second question is a second probe")
        for key, kind in BELONGS.items():
            if key in self.model_fields_set and kind is not given[0]:
                raise wrong(f"asks by {given[0].value} and has {key}", f"leave {key} out: it belongs to {kind.value} probes")
        if self.file is not None and self.age is None:
            raise wrong("does not say how old the file may be", "add age, such as age: 5m")
        if self.timeout > self.every:
            raise wrong(f"waits {self.timeout:g}s for an answer but asks every {self.every:g}s", "make timeout at most every")
        if self.jitter > self.every:
            raise wrong(f"asks every {self.every:g}s and adds up to {self.jitter:g}s", "make jitter at most every")
        return self
