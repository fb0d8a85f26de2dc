"""Running the app: what it writes, twice the same, and what it says when the input is no good."""

from __future__ import annotations

import filecmp
import subprocess
import sys
from pathlib import Path

from tests.stacks.conftest import ROOT, Synth, SynthAlone

DEPLOYABLE = """\
deployable: ledger
assemblies:
{assemblies}
"""
ASSEMBLY = """\
  - name: {name}
    image: debian-12
    instances: [{instance}]
    state: {{keep: none}}
    ha: {{port: 7810, http: 7880}}
    applications:
      - name: app
        run: {{exec: [/usr/bin/env]}}
"""


def test_synth_pulls_in_no_aws_library_and_so_asks_no_account(synthesized: tuple[Path, str]) -> None:
    assert synthesized[1].strip().splitlines()[-1] == "[]"
    assert not (ROOT / "cdk.context.json").exists()


def test_a_second_synth_writes_the_same_bytes(synthesized: tuple[Path, str], synth_alone: SynthAlone, tmp_path: Path) -> None:
    assert synth_alone(tmp_path / "again").returncode == 0

    # CDK keeps the paths of its own temporary files in *.metadata.json, which nothing is deployed from.
    first = sorted(path.name for path in synthesized[0].iterdir() if not path.name.endswith(".metadata.json"))
    same, _, _ = filecmp.cmpfiles(synthesized[0], tmp_path / "again", first, shallow=False)
    assert same == first


def test_cfn_lint_finds_no_error(synthesized: tuple[Path, str]) -> None:
    template = synthesized[0] / "understudy-demo.template.json"
    done = subprocess.run(
        [sys.executable, "-c", "from cfnlint import runner; runner.main()", str(template)],
        cwd=ROOT,  # where .cfnlintrc is
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_a_file_that_is_not_there_is_refused_in_a_line(synth: Synth, tmp_path: Path) -> None:
    done = synth(tmp_path / "out", tmp_path / "missing.yaml")
    assert done.returncode == 2
    assert "missing.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_malformed_deployable_is_refused_with_its_key(synth: Synth, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(DEPLOYABLE.format(assemblies=ASSEMBLY.format(name="one", instance="t4g.small")) + "colour: blue\n")
    done = synth(tmp_path / "out", file)
    assert done.returncode == 2
    assert "colour" in done.stderr
    assert "Traceback" not in done.stderr
