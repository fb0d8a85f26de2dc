"""From a file's path to core's model, or to all its problems at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from core.model import Deployable
from spec import document, unbuilt, xml_form
from spec.convert import to_model, warnings
from spec.crosschecks import cross_check
from spec.document import Document, Unreadable
from spec.lock import BadLock, pinned
from spec.problems import Problem, SpecError, Warned, key_text, value_text
from spec.reading import place, problem_of, read_raw
from spec.schema import DeployableFile
from spec.standing import stand


@dataclass(frozen=True, slots=True)
class Loaded:
    """A deployable, and what was changed in reading its file."""

    deployable: Deployable
    warnings: tuple[Warned, ...]


def load(path: str | Path) -> Deployable:
    """Read and check a deployable file. Raises SpecError with every problem found."""
    return load_with_warnings(path).deployable


def load_with_warnings(path: str | Path) -> Loaded:
    """The same, for those who tell a person of it. Raises SpecError."""
    path = Path(path)
    loaded = _read(path)
    return Loaded(_with_pins(loaded.deployable, path), loaded.warnings)


def load_unpinned(path: str | Path) -> Deployable:
    """Without what its lock file says, for those who write that. Raises SpecError."""
    return _read(Path(path)).deployable


def _read(path: Path) -> Loaded:
    raw = read_raw(path)
    if path.suffix.lower() == xml_form.SUFFIX:
        found = xml_form.mapped(raw, path)
        loaded = check(xml_form.complete(found, path), path)
        return Loaded(loaded.deployable, (*xml_form.notes_of(found), *loaded.warnings))
    try:
        text = document.parse(raw)
    except Unreadable as error:
        raise SpecError(str(path), (error.problem,)) from error
    return check(text, path)


def check(text: Document, path: Path) -> Loaded:
    """A document against the format. Raises SpecError.

    path: for artifacts, which are relative to it, to find the file of a foundation beside it, and to name it.
    """
    if not isinstance(text.data, dict):
        problem = Problem(
            key="",
            value=value_text(text.data),
            line=1,
            message="is not a mapping",
            remedy="begin with `deployable: NAME`; deployables/demo.yaml is an example",
        )
        raise SpecError(str(path), (*text.problems, problem))
    stripped = unbuilt.strip(text.data, text.line)
    stood = stand(stripped.data, path)
    problems = [*text.problems, *(problem for _, problem in stripped.problems)]
    file = None
    try:
        file = DeployableFile.model_validate(stood.data, context=path.resolve().parent)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            where = place(details, stood.data)
            if where not in stripped.hidden:
                problems.append(problem_of(where, details, text))
    for where, value, message, remedy in (*stood.findings, *cross_check(stood.data)):
        shown = None if value is None else value_text(value)
        problems.append(Problem(key=key_text(where), value=shown, line=text.line(where), message=message, remedy=remedy))
    if problems or file is None:
        raise SpecError(str(path), tuple(sorted(problems, key=lambda problem: problem.line or 0)))
    warned = (Warned(key=key_text(where), line=text.line(where), message=message) for where, message in warnings(file))
    return Loaded(to_model(file), tuple(warned))


def _with_pins(deployable: Deployable, path: Path) -> Deployable:
    try:
        return pinned(deployable, path)
    except BadLock as error:
        remedy = f"write it anew: understudy pin {path}"
        raise SpecError(str(path), (Problem(key="", value=None, line=None, message=str(error), remedy=remedy),)) from error
