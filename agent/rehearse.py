"""python -m agent rehearse: plays a recording (core.node.observations) to the decisions that the agent makes, and prints them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import chain
from pathlib import Path

from core.node.observations import BadObservation, settings_of
from core.node.rehearsal import rehearse
from core.settings import NodeSettings

LINE_BYTES_MAX = 200_000


def rehearse_file(path: str, settings: str | None, read_settings: Callable[[str], NodeSettings]) -> int:
    """Exit status: 0 played to its end, 2 the recording cannot be used. Raises BadSettings.

    settings: the settings file to try; None: the one that the recording's first line names, beside the recording.
    """
    try:
        with open(path, encoding="utf-8") as file:
            first = file.readline(LINE_BYTES_MAX)
            named = settings_of(first) if first.strip() and not first.startswith("#") else None
            if settings is None and named is None:
                raise BadObservation('line 1: no settings are named: begin with {"settings": FILE}, or give --settings')
            chosen = read_settings(settings if settings is not None else str(Path(path).parent / str(named)))
            # The line that names the settings is no observation; its number stays, so that errors name the right line.
            lines = chain(["\n" if named is not None else first], file)
            for told in rehearse(chosen.assembly, lines):
                print(told)
    except OSError as error:
        print(f"understudy rehearse: {path}: cannot be read: {error.strerror}", file=sys.stderr)
        return 2
    except (UnicodeDecodeError, BadObservation) as error:
        print(f"understudy rehearse: {path}: {error}", file=sys.stderr)
        return 2
    return 0
