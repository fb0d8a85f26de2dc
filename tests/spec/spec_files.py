"""A deployable file with one application, and the shapes of the fixtures that change it."""

from __future__ import annotations

from collections.abc import Callable

from core.application import Application
from core.model import Assembly
from spec import Loaded, Problem

FILE = """\
deployable: ledger
assemblies:
  - name: scheduler
    image: debian-12
    instances: [t4g.small]
    state: {{keep: none}}
    front: {front}
    {assembly}
    applications:
      - name: ledger
        run: {run}
        {application}
{top}
"""
GOOD = {"front": "{kind: none}", "assembly": "", "run": "{exec: [/bin/ledger]}", "application": "", "top": ""}

Read = Callable[..., Loaded]
Of = Callable[..., Application]
AssemblyOf = Callable[..., Assembly]
ProblemsOf = Callable[..., tuple[Problem, ...]]
