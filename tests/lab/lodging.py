"""What a deployable on a foundation of its own may have, on a shared one: two deployables, each broken once; a program.

python lodging.py LABDIR RESULTS: inside the lab's space, from a repository's folder. RESULTS gets what was seen as JSON.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from lab.drills.cloud import Cloud, wait_for
from lab.drills.runner import play_all
from lab.drills.scenes import DRILLS
from lab.drills.stage import Stage
from lab.playing import first_service, playable
from lab.session import Session

TIME_SCALE = 4.0  # AWS's windows a quarter as long; our own code runs in real time
DEPLOYABLES = Path("deployables").resolve()


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def zonal(folder: Path) -> Path:
    """The example with an interface and a volume, put on the shared foundation."""
    shutil.copytree(DEPLOYABLES / "demo", folder / "demo")
    text = (DEPLOYABLES / "zonal.yaml").read_text()
    for line, instead in (
        ("network: {cidr: 10.20.0.0/16, zones: 1, egress: none}\n", "foundation: shared\nnetwork: {zones: 1}\n"),
        ("notify: []\n", ""),
    ):
        assert text.count(line) == 1, f"the example has changed, and with it what this program rewrites: {line}"
        text = text.replace(line, instead)
    (folder / "zonal.yaml").write_text(text)
    return folder / "zonal.yaml"


def played(cloud: Cloud, session: Session, assembly: str, drill: str) -> dict[str, Any]:
    """A drill on an assembly at rest, with the promises that it broke."""
    with Stage(cloud, playable(cloud, assembly), session.journal) as stage:
        first_service(stage)
        (result,) = play_all([DRILLS[drill]], stage, say)
        broken = [promise["name"] for promise in result.json()["promises"] if not promise["held"]]
        return {"broken": broken, "holder": cloud.permit(stage.slot)[0]}


def failed_over(cloud: Cloud) -> list[str]:
    """Have the database's standby take over, as a rung of the ladder would, and give what the deployable's history says of it."""
    rds, name = cloud.clients["rds"], cloud.outputs["Database"]
    wait_for(
        lambda: rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["DBInstanceStatus"] == "available", timeout_s=120
    )
    rds.reboot_db_instance(DBInstanceIdentifier=name, ForceFailover=True)

    def told() -> list[str]:
        return sorted(str(item["kind"]) for item in cloud.items("HISTORY#lodger"))

    wait_for(told, timeout_s=120)
    return told()


def main() -> int:
    lab_dir, results = Path(sys.argv[1]), Path(sys.argv[2])
    folder = results.parent / "files"
    folder.mkdir()
    seen: dict[str, Any] = {}
    foundation = DEPLOYABLES / "foundations" / "shared.yaml"
    with Session(lab_dir, DEPLOYABLES / "lodger.yaml", say, time_scale=TIME_SCALE, foundation=foundation) as session:
        session.start()
        session.put_up()
        lodger = Cloud(lab_dir, session.stack)
        seen["web"] = played(lodger, session, "web", "kill-instance")
        seen["ledger"] = played(lodger, session, "ledger", "kill-while-writing")
        seen["history"] = failed_over(lodger)
        zonal_stack, _ = session.put(zonal(folder), lab_dir / "cdk.out.zonal")
        seen["zonal"] = played(Cloud(lab_dir, zonal_stack), session, "counter", "kill-instance")
    results.write_text(json.dumps(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
