"""Synthesize every deployable as the app does, in one program, with cdk-nag's AwsSolutions pack looking on.

python synth_every.py OUT: templates and cdk-nag's report into OUT. One stack more stands beside them, with what no reviewer
would let pass: were nothing found there, nothing would have been looked at.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from aws_cdk import App, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks

import app as ours

DEPLOYABLES = sorted(path for path in (ours.ROOT / "deployables").iterdir() if path.suffix in (".yaml", ".xml"))
CONTROL = "bad-on-purpose"


def control(app: App) -> None:
    """A bucket that takes plain HTTP, and a role that may do everything."""
    stack = Stack(app, CONTROL, analytics_reporting=False)
    s3.Bucket(stack, "Bucket")
    iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")).add_to_policy(
        iam.PolicyStatement(actions=["s3:*"], resources=["*"])
    )


def main() -> int:
    out = Path(sys.argv[1])
    context = json.loads((ours.ROOT / "cdk.json").read_text())["context"]
    app = App(context=context, outdir=str(out), analytics_reporting=False)
    with tempfile.TemporaryDirectory(prefix="understudy-") as folder:
        for file in DEPLOYABLES:
            staging = Path(folder, file.stem)
            staging.mkdir()
            ours.wire(app, file, staging)
        control(app)
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        try:
            app.synth()
        except RuntimeError as error:  # jsii's: a pack with findings ends the synth, after everything is written
            if "ValidationFailed" not in str(error):
                raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
