"""Two deployables on one foundation, each deployed by itself; both survive the loss of their machine, and one goes: a program.

python sharing.py LABDIR RESULTS: inside the lab's space, from a repository's folder. RESULTS gets what was seen as JSON.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from lab.deploy import ENDPOINT, Progress, environment, run_cdk
from lab.drills.cloud import Cloud
from lab.drills.runner import play_all
from lab.drills.scenes import DRILLS
from lab.drills.stage import Stage
from lab.playing import first_service, playable
from lab.principals import ADMIN_KEY, ADMIN_SECRET
from lab.session import Session
from lab.world import REGION

TIME_SCALE = 4.0  # AWS's windows a quarter as long; our own code runs in real time
DEPLOYABLES = Path("deployables").resolve()


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def second_tenant(folder: Path) -> Path:
    """The example's twin under another name."""
    shutil.copytree(DEPLOYABLES / "demo", folder / "demo")
    text = (DEPLOYABLES / "tenant.yaml").read_text()
    assert text.count("deployable: tenant\n") == 1, "the example's name has changed, and with it what this program rewrites"
    file = folder / "twin.yaml"
    file.write_text(text.replace("deployable: tenant\n", "deployable: twin\n"))
    return file


def destroy(cdk_out: Path) -> None:
    """Raises DeployFailed."""
    with tempfile.TemporaryDirectory(prefix="destroy-") as empty:
        arguments = ["destroy", "--all", "--force", "--app", str(cdk_out.resolve()), "--no-notices"]
        run_cdk(arguments, cwd=Path(empty), env=environment(ENDPOINT), limit_s=300, say=Progress(say))


def killed(cloud: Cloud, session: Session) -> dict[str, Any]:
    """Play kill-instance on a deployable at rest."""
    with Stage(cloud, playable(cloud), session.journal) as stage:
        first_service(stage)
        (result,) = play_all([DRILLS["kill-instance"]], stage, say)
        holder = cloud.permit(stage.slot)[0]
    return {"held": result.held, "holder": holder}


def main() -> int:
    lab_dir, results = Path(sys.argv[1]), Path(sys.argv[2])
    folder = results.parent / "twin"
    folder.mkdir()
    twin_file = second_tenant(folder)
    seen: dict[str, Any] = {}
    tenant_file, foundation = DEPLOYABLES / "tenant.yaml", DEPLOYABLES / "foundations" / "shared.yaml"
    with Session(lab_dir, tenant_file, say, time_scale=TIME_SCALE, foundation=foundation) as session:
        session.start()
        session.put_up()
        twin_stack, _ = session.put(twin_file, lab_dir / "cdk.out.twin")
        tenant, twin = Cloud(lab_dir, session.stack), Cloud(lab_dir, twin_stack)
        seen["tables"] = [tenant.outputs["Table"], twin.outputs["Table"]]
        seen["tenant"] = killed(tenant, session)
        seen["twin"] = killed(twin, session)
        seen["budget"] = sorted({entry["deployable"] for item in tenant.items("BUDGET") for entry in item["entries"]})
        destroy(lab_dir / "cdk.out.twin")
        seen["left"] = sorted(stack["StackName"] for stack in tenant.clients["cloudformation"].describe_stacks()["Stacks"])
        keys: dict[str, Any] = {"aws_access_key_id": ADMIN_KEY, "aws_secret_access_key": ADMIN_SECRET}
        ssm = boto3.client("ssm", endpoint_url=ENDPOINT, region_name=REGION, **keys)
        rows = ssm.get_parameters_by_path(Path="/understudy/shared/deployables", Recursive=True)["Parameters"]
        seen["registered"] = sorted(row["Name"] for row in rows)
        seen["after"] = killed(tenant, session)
        try:
            tenant.clients["cloudformation"].delete_stack(StackName="understudy-shared-foundation")
            seen["foundation"] = "deleted"
        except ClientError as error:
            seen["foundation"] = str(error)
    results.write_text(json.dumps(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
