"""Prints the IAM policy that an operator of a deployable needs."""

from __future__ import annotations

from cli.programs import Trouble
from cli.state_table import Place
from cli.telling import print_json
from core.report.operating import operator_policy

ABOUT = """\
Print the IAM policy that an operator needs for these commands: read what the state table says of this deployable, write
intents, read the evidence, see who is told. Nothing of EC2 or Auto Scaling is in it: `status` then does not say who has an
elastic address, and everything else works.
"""
EXAMPLES = """\
examples:
  understudy operator-policy --deployable ledger > operators.json
  aws iam create-policy --policy-name ledger-operators --policy-document file://operators.json
"""


def show_policy(place: Place) -> int:
    """Print it and give 0. Raises Trouble."""
    if not place.stack_id:
        raise Trouble("the policy names the stack: ask without --table, with credentials that may see it")
    outputs = place.outputs
    print_json(
        operator_policy(
            place.deployable,
            place.assemblies,
            stack_id=place.stack_id,
            table=place.table,
            topic=outputs.get("Topic", ""),
            bucket=outputs.get("Bucket", ""),
        )
    )
    return 0
