"""Synthesize every deployable as the app does, and the example of a stack of one's own, with cdk-nag's AwsSolutions pack looking on.

python synth_every.py OUT: templates and cdk-nag's report into OUT, and refused.json: what the constructs say to what cannot be.
One stack more stands beside them, with what no reviewer would let pass: were nothing found there, nothing would have been looked at.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from aws_cdk import App, Size, Stack, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks

import app as ours
from examples.own_stack.app import OwnStack
from stacks.own import Application, Foundation, Front, SingletonAssembly, State

FOLDER = ours.ROOT / "deployables"
FILES = [*FOLDER.iterdir(), *(FOLDER / "foundations").iterdir()]
DEPLOYABLES = sorted(path for path in FILES if path.suffix in (".yaml", ".xml") and not path.name.endswith(".lock.yaml"))
CONTROL = "bad-on-purpose"


def control(app: App) -> None:
    """A bucket that takes plain HTTP, and a role that may do everything."""
    stack = Stack(app, CONTROL, analytics_reporting=False)
    s3.Bucket(stack, "Bucket")
    iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")).add_to_policy(
        iam.PolicyStatement(actions=["s3:*"], resources=["*"])
    )


def refused() -> dict[str, str]:
    """What the constructs answer, by what was asked of them. Nothing of it is synthesized: each stack has an app of its own."""
    asked: dict[str, dict[str, Any]] = {
        "two architectures": {"instance_types": [ec2.InstanceType("t4g.small"), ec2.InstanceType("t3.small")]},
        "an address without a port": {"front": Front.elastic_ip(ports=[])},
        "a word that no file knows": {"settings": {"colour": "blue"}},
        "another network than its foundation's": {"vpc": "other"},
        "a volume in two zones": {"state": State.ebs(path="/var/lib/app", size=Size.gibibytes(8)), "vpc": "wide", "foundation": None},
    }
    said = {}
    for what, more in asked.items():
        stack = Stack(App(analytics_reporting=False), "stack", analytics_reporting=False)
        networks = {name: ec2.Vpc(stack, name, max_azs=zones, nat_gateways=0) for name, zones in (("one", 1), ("other", 1), ("wide", 2))}
        given = {
            "vpc": "one",
            "foundation": Foundation(stack, "Foundation", vpc=networks["one"], deployable_name="refused"),
            "applications": [Application(name="app", command=["/usr/bin/env"])],
            "instance_types": [ec2.InstanceType("t4g.small")],
            "state": State.none(),
            **more,
        }
        try:
            SingletonAssembly(stack, "One", **{**given, "vpc": networks[given["vpc"]]})
        except ValueError as error:
            said[what] = str(error)
    return said


def main() -> int:
    out = Path(sys.argv[1])
    context = json.loads((ours.ROOT / "cdk.json").read_text())["context"]
    app = App(context=context, outdir=str(out), analytics_reporting=False)
    with tempfile.TemporaryDirectory(prefix="understudy-") as folder:
        for file in DEPLOYABLES:
            staging = Path(folder, file.stem)
            staging.mkdir()
            ours.wire(app, file, staging)
        OwnStack(app, "own-stack")
        control(app)
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        try:
            app.synth()
        except RuntimeError as error:  # jsii's: a pack with findings ends the synth, after everything is written
            if "ValidationFailed" not in str(error):
                raise
    (out / "refused.json").write_text(json.dumps(refused()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
