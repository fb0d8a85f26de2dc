"""State on EFS, found by a name in a public zone, on a shared foundation that gives its nodes addresses; broken once; a program.

python outward.py LABDIR RESULTS: inside the lab's space, from a repository's folder. RESULTS gets what was seen as JSON.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from lab.dns.existing import VARIABLE
from lab.drills.cloud import Cloud
from lab.drills.lookup import Lookup
from lab.drills.runner import play_all
from lab.drills.scenes import DRILLS
from lab.drills.stage import Stage
from lab.drills.variants import Document, vary
from lab.playing import first_service, playable
from lab.session import Session

TIME_SCALE = 4.0  # AWS's windows a quarter as long; our own code runs in real time
DEPLOYABLES = Path("deployables").resolve()
ZONE, DOMAIN = "Z0123456789ABCDEFGHIJ", "example.com"
HITS = 20


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def outward(document: Document) -> None:
    """The example whose count is kept, on a file system that every zone reaches, for an image that can mount it."""
    [assembly] = document["assemblies"]
    for key in ("network", "notify"):
        document.pop(key)
    document |= {"deployable": "outward", "foundation": "outside"}
    zone = {"id": ZONE, "name": DOMAIN, "public": True}
    assembly["front"] = {"kind": "dns", "name": f"counter.{DOMAIN}", "ports": [8080], "ttl": "2s", "zone": zone}
    assembly["image"] = "amazon-linux-2023"
    assembly["state"] = {"keep": "efs", "path": "/var/lib/counter"}


def asked(stage: Stage, path: str = "/") -> dict[str, Any]:
    """What the counter answers, at the address that its name has now. Raises OSError."""
    connection = http.client.HTTPConnection(Lookup(stage.slot.front, stage.slot.resolver).address(), stage.slot.ports[0], timeout=5)
    try:
        connection.request("GET", path)
        return dict(json.loads(connection.getresponse().read()))
    finally:
        connection.close()


def addresses(cloud: Cloud, instance: str) -> dict[str, str]:
    """Its own, of either kind, and what machine it is."""
    [found] = cloud.clients["ec2"].describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"]
    return {"machine": instance, "private": found["PrivateIpAddress"], "public": found.get("PublicIpAddress", "")}


def main() -> int:
    lab_dir, results = Path(sys.argv[1]), Path(sys.argv[2])
    folder = results.parent / "files"
    file = vary(DEPLOYABLES / "kept.yaml", folder, outward)
    foundation = folder / "foundations" / "outside.yaml"
    foundation.parent.mkdir()
    foundation.write_text("foundation: outside\nnetwork: {cidr: 10.40.0.0/16, zones: 2, egress: public_ip}\n")
    os.environ[VARIABLE] = f"{ZONE}={DOMAIN}"
    seen: dict[str, Any] = {}
    with Session(lab_dir, file, say, time_scale=TIME_SCALE, foundation=foundation) as session:
        session.start()
        session.put_up()
        cloud = Cloud(lab_dir, session.stack)
        with Stage(cloud, playable(cloud), session.journal) as stage:
            first_service(stage)
            seen["first"] = addresses(cloud, cloud.permit(stage.slot)[0])
            seen["counted"] = [asked(stage, "/hit")["count"] for _ in range(HITS)][-1]
            (result,) = play_all([DRILLS["kill-instance"]], stage, say)
            seen["broken"] = [promise["name"] for promise in result.json()["promises"] if not promise["held"]]
            seen["second"] = addresses(cloud, cloud.permit(stage.slot)[0])
            seen["found"] = asked(stage)["count"]
            seen["name"] = Lookup(stage.slot.front, stage.slot.resolver).address()
    results.write_text(json.dumps(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
