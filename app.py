"""Wires one deployable's file, or that of a foundation which several share, into one stack; run by `cdk`, or by itself for cdk.out."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from aws_cdk import App

from spec import SpecError, is_foundation, load, load_foundation
from stacks.bundle import BadBundle
from stacks.deployable import DeployableStack
from stacks.shared import FoundationStack

ROOT = Path(__file__).resolve().parent
DEFAULT = "deployables/demo.yaml"


def wire(app: App, file: Path, staging: Path) -> None:
    """One file's stack: a deployable's, or that of a foundation which several share.

    staging: an empty folder that lives until synth ends. Raises SpecError, BadBundle, ValueError.
    """
    if is_foundation(file):
        FoundationStack(app, load_foundation(file), staging=staging)
    else:
        DeployableStack(app, load(file), artifacts=file.resolve().parent, staging=staging)


def synthesize(app: App) -> int:
    """0, or 2 with every reason on stderr when the file of the context, or what it ships, is no good."""
    given = next((found for key in ("deployable", "foundation") if (found := app.node.try_get_context(key))), DEFAULT)
    file = ROOT / str(given)
    try:
        with tempfile.TemporaryDirectory(prefix="understudy-") as staging:
            wire(app, file, Path(staging))
            app.synth()
    except (SpecError, BadBundle, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def main() -> int:
    """Exit status, as of synthesize."""
    # `python app.py` alone does not read cdk.json; `cdk` hands its context over, which wins.
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    return synthesize(App(context=context, outdir=os.environ.get("CDK_OUTDIR", "cdk.out"), analytics_reporting=False))


if __name__ == "__main__":
    sys.exit(main())
