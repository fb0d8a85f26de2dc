"""python tools/deploy_page.py FOLDER: all that docs/deploy.md shows of the templates in FOLDER: tables, policies, the picture.

`make deploy-docs` synthesizes them and calls this. FOLDER holds understudy-NAME.template.json of every file of deployables/.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from core.estimate.estimating import estimate  # noqa: E402
from core.estimate.lines import Group, Total  # noqa: E402  # the repository is not installed: found by the line above
from spec import load  # noqa: E402
from spec.rates import load_rates  # noqa: E402
from tools import deploy_policy  # noqa: E402
from tools.page import markdown, written  # noqa: E402
from tools.picture import draw  # noqa: E402
from tools.picture_read import read_picture  # noqa: E402

PAGE = ROOT / "docs/deploy.md"
PICTURE = ROOT / "docs/deploy/stack.svg"
DRAWN = "understudy-demo"
FOLDER = ROOT / "deployables"
Templates = Mapping[str, Mapping[str, Any]]
# What stays, by its type, and how it is done away with.
KEPT = {
    "AWS::DynamoDB::Table": ("the state table", "`aws dynamodb delete-table --table-name NAME`"),
    "AWS::S3::Bucket": ("the bucket: evidence, state", "empty it, its former versions included; `aws s3api delete-bucket --bucket NAME`"),
    "AWS::Route53::HostedZone": (
        "the private zone of a front of kind dns",
        "delete its record, then `aws route53 delete-hosted-zone --id ID`",
    ),
    "AWS::RDS::DBInstance": ("the database, as a last snapshot", "`aws rds delete-db-snapshot --db-snapshot-identifier NAME`"),
    "AWS::EFS::FileSystem": ("the file system", "delete its mount targets, then `aws efs delete-file-system --file-system-id ID`"),
    "AWS::EC2::Volume": ("the volume, or its last snapshot", "`aws ec2 delete-volume --volume-id ID`"),
    "AWS::EC2::NetworkInterface": ("the network interface", "`aws ec2 delete-network-interface --network-interface-id ID`"),
    "AWS::KMS::Key": ("a key", "`aws kms schedule-key-deletion --key-id ID`"),
    "AWS::Logs::LogGroup": ("a log", "`aws logs delete-log-group --log-group-name NAME`"),
    "AWS::SecretsManager::Secret": ("a secret", "`aws secretsmanager delete-secret --secret-id NAME`"),
}


def templates_in(folder: Path) -> dict[str, Mapping[str, Any]]:
    files = sorted(folder.glob("understudy-*.template.json"))
    return {path.name.removesuffix(".template.json"): json.loads(path.read_text()) for path in files}


def costs() -> str:
    """Dollars a month of each file of deployables/."""
    rates = load_rates().rates
    rows = []
    for path in sorted(FOLDER.iterdir()):
        if path.suffix in (".yaml", ".xml") and not path.name.endswith(".lock.yaml"):
            told = estimate(load(path), rates)
            sums = (told.of(Group.DETECTION), told.added, told.of(Group.YOURS), told.of(*Group))
            rows.append((f"`{path.name}`", *(_money(one) for one in sums)))
    head = ("file", "noticing a failure", "all that we add", "yours: machines, disks, addresses, databases", "together")
    return markdown(head, rows)


def _money(total: Total) -> str:
    return f"{total.usd:.2f}" + (" and more" if total.lacking else "")


def kept(templates: Templates) -> str:
    """What CloudFormation leaves behind. Raises KeyError for a type that the table above says nothing of."""
    left = {
        resource["Type"]
        for template in templates.values()
        for resource in template["Resources"].values()
        if resource.get("DeletionPolicy", "Delete") in ("Retain", "Snapshot", "RetainExceptOnCreate")
    }
    return markdown(("stays", "to do away with it"), [KEPT[kind] for kind in sorted(left)])


def files(templates: Templates) -> dict[Path, str]:
    """What each file should hold."""
    page = written(PAGE.read_text(), {"costs": costs, "kept": lambda: kept(templates)})
    return {PAGE: page, PICTURE: draw(read_picture(templates[DRAWN])), **deploy_policy.files(templates.values())}


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    made = files(templates_in(Path(sys.argv[1])))
    for former in set(deploy_policy.FOLDER.glob("cloudformation-*.json")) - set(made):
        former.unlink()
    for path, text in made.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
