"""A deployable behind a load balancer, drilled as a user would: HTTPS to an ALB, and an NLB that takes its time; some minutes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ARN = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
FRONTS = {
    "alb": f"{{kind: alb, ports: [443], target_port: 8080, certificate: '{ARN}', redirect: true}}",
    "nlb": "{kind: nlb, ports: [8080], internal: true}",
}
_LIMIT_S = 900.0

pytestmark = [pytest.mark.lab, pytest.mark.heavy]


@pytest.mark.parametrize(("kind", "drills"), [("alb", ("kill-instance", "freeze-instance")), ("nlb", ("kill-instance",))])
def test_it_serves_and_survives_the_loss_of_its_machine(kind: str, drills: tuple[str, ...], tmp_path: Path) -> None:
    web = (REPOSITORY / "deployables/web.yaml").read_text()
    [front] = [line for line in web.splitlines() if line.lstrip().startswith("front:")]
    (tmp_path / "web.yaml").write_text(web.replace(front, f"    front: {FRONTS[kind]}"))
    (tmp_path / "demo").symlink_to(REPOSITORY / "deployables/demo")

    done = subprocess.run(
        [sys.executable, "-m", "lab", "drill", *drills, "--deployable", str(tmp_path / "web.yaml")],
        cwd=REPOSITORY,
        env={**os.environ, "LAB_DELAY_NLB_TARGET": "30", "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
    )

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
