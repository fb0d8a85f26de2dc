"""Wires one deployable file into one stack; run by `cdk`, or by itself to write cdk.out."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from aws_cdk import App

from spec import SpecError, load
from stacks.bundle import BadBundle
from stacks.deployable import DeployableStack

ROOT = Path(__file__).resolve().parent
DEFAULT = "deployables/demo.yaml"


def wire(app: App, file: Path, staging: Path) -> None:
    """One deployable file's stack. staging: an empty folder that lives until synth ends. Raises SpecError, BadBundle, ValueError."""
    DeployableStack(app, load(file), artifacts=file.resolve().parent, staging=staging)


def synthesize(app: App) -> int:
    """0, or 2 with every reason on stderr when the deployable file of the context, or what it ships, is no good."""
    file = ROOT / str(app.node.try_get_context("deployable") or DEFAULT)
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
