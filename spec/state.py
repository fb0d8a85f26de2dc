"""What the file says of an assembly's state: which folder, where it is kept, and what a new node does with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from core.state import EVERY_S, Keep, Persist, State, trouble_with
from spec.grammars import Command
from spec.problems import Finding, KeyPath
from spec.quantities import Size
from spec.section import Section
from spec.values import Duration, InstallPath, wrong

# https://docs.aws.amazon.com/efs/latest/ug/installing-amazon-efs-utils.html: there it is built from its source.
WITHOUT_HELPER = ("debian-12", "ubuntu-24.04")
_NO_HELPER = "which has amazon-efs-utils neither in the image nor in its package index, so that egress does not help"
_HELPER_ELSEWHERE = (
    "write image: amazon-linux-2023, which installs it without egress, or an image of your own that has it; or keep: s3 or ebs"
)


def _own_folder(value: str) -> str:
    if trouble_with(value) is not None:
        raise wrong("is a folder of the system", "choose a folder of the application's own, such as /var/lib/NAME")
    return value


StatePath = Annotated[InstallPath, AfterValidator(_own_folder)]


class StateSection(Section):
    keep: Literal["none", "s3", "ebs", "efs"] = Field(
        description="what a replacement finds again; none: nothing, it starts with an empty disk; s3: the folder as it was last saved; "
        "ebs: the folder itself, on a volume that moves within one zone; efs: the folder itself, on a file system that every zone reaches"
    )
    path: StatePath | None = Field(default=None, description="the folder that is kept, such as /var/lib/NAME; nothing outside of it is")
    persist: Literal["AUTO", "REBIND", "CLEAN", "DISABLED"] = Field(
        default="AUTO",
        description="what a new node does: AUTO takes what was saved, else begins afresh; REBIND starts nothing where nothing was saved; "
        "CLEAN begins afresh; DISABLED neither restores nor saves",
    )
    every: Annotated[float, Duration("1s", "1h")] = Field(
        default=EVERY_S, description="with `keep: s3`: time between two saves, which is about what a lost machine loses"
    )
    snapshot: Command | None = Field(
        default=None,
        description="with `keep: s3`: a command, run as root before each save, that puts a consistent copy into $UNDERSTUDY_SNAPSHOT, "
        "which is saved in the folder's place",
    )

    size: Annotated[int, Size("1G", "16T")] | None = Field(default=None, description="with `keep: ebs`: of the volume, such as 8G")

    @model_validator(mode="after")
    def _a_volume(self) -> Self:
        """https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html: gp3, in whole GiB."""
        given = self.model_fields_set - {"keep", "path", "size"}
        if self.keep == "efs" and given:
            raise wrong(f"is kept on a file system, which has no {min(given)}", f"leave {min(given)} out, or choose keep: s3")
        if self.keep == "ebs" and given:
            raise wrong(f"is kept on a volume, which has no {min(given)}", f"leave {min(given)} out, or choose keep: s3")
        if self.keep == "ebs" and self.size is None:
            raise wrong("does not say how large its volume is", "add its size, such as size: 8G")
        if self.keep != "ebs" and self.size is not None:
            raise wrong("has a size and no volume", "leave size out, or choose keep: ebs")
        if self.size is not None and self.size % (1 << 30):
            raise wrong("has a size that is no whole number of GB", "write whole gigabytes, such as size: 8G")
        return self

    @model_validator(mode="after")
    def _what_belongs_together(self) -> Self:
        given = self.model_fields_set - {"keep"}
        if self.keep == "none" and given:
            raise wrong(f"keeps nothing, and says {min(given)}", "leave it out, or choose where to keep it: keep: s3")
        if self.keep != "none" and self.path is None:
            raise wrong("does not say which folder", "add its path, such as path: /var/lib/NAME")
        return self


def to_state(section: StateSection) -> State:
    if section.keep == "none":
        return State()
    return State(
        keep=Keep(section.keep),
        path=section.path,
        persist=Persist(section.persist),
        every_s=section.every,
        snapshot=tuple(section.snapshot) if section.snapshot is not None else None,
        size_gb=section.size >> 30 if section.size is not None else None,
    )


def check_state(here: KeyPath, assembly: dict[str, Any], placed: list[tuple[KeyPath, dict[str, Any]]]) -> Iterator[Finding]:
    """A folder that is restored as a whole takes away what an artifact put into it, and the other way round."""
    state = assembly.get("state")
    image = assembly.get("image")
    if isinstance(state, dict) and state.get("keep") == "efs" and image in WITHOUT_HELPER:
        yield (*here, "state", "keep"), "efs", f"cannot be mounted by {image}, {_NO_HELPER}", _HELPER_ELSEWHERE
    path = state.get("path") if isinstance(state, dict) else None
    for where, application in placed:
        install = application.get("install")
        to = install.get("to") if isinstance(install, dict) else None
        if isinstance(path, str) and isinstance(to, str) and (f"{to}/".startswith(f"{path}/") or f"{path}/".startswith(f"{to}/")):
            yield (
                (*where, "install", "to"),
                to,
                f"lies in, or around, the state's {path}",
                "keep programs and state in folders of their own",
            )
