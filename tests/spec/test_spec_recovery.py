"""The numbers by which recovery decides, as the file says them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

import spec
from core.model import Deployable, OnDisagreement
from core.policy import Policy
from spec.recovery import RecoverySection, to_policy

FILE = """\
deployable: ledger
{top}
assemblies:
  - name: scheduler
    image: debian-12
    instances: [t4g.small]
    state: {{keep: none}}
    {assembly}
    applications: [{{name: ledger, run: {{exec: [/bin/ledger]}}}}]
"""


def read(folder: Path, *, top: str = "", assembly: str = "") -> Deployable:
    file = folder / "ledger.yaml"
    file.write_text(FILE.format(top=top, assembly=assembly))
    return spec.load(file)


def test_a_file_that_says_nothing_has_the_numbers_of_the_design(tmp_path: Path) -> None:
    assert read(tmp_path).recovery == Policy()


def test_every_number_of_the_policy_can_be_set() -> None:
    said = {
        "reports_silent": "20s", "looks_failing": "20s", "look_fresh": "3s", "doubt": "2m", "busy": "20m", "disagreement": "5m",
        "quiet": "2h", "budget": 3, "budget_window": "20m", "meltdown_nodes": 3, "meltdown_share": "50%", "boot_loop": 2,
        "force_after": "10s", "page_after": "2m", "fence_timeout": "30m", "limping": "kill", "verify": "4m",
        "new_target": "10m", "incident": "2h", "retire": "1m",
        "rung_stop": "10m", "rung_again": "2h", "call_again": "30s", "database": "2m",
    }  # fmt: skip
    changed = to_policy(RecoverySection.model_validate(said))

    assert len(said) == len(fields(Policy)) == len(changed.changed())
    assert (changed.meltdown_share, changed.fence_timeout_s, changed.incident_s) == (0.5, 1800.0, 7200.0)


def test_fence_timeout_says_wait_or_a_time(tmp_path: Path) -> None:
    assert read(tmp_path, top="recovery: {fence_timeout: wait}").recovery.fence_timeout_s is None
    assert read(tmp_path, top="recovery: {fence_timeout: 30m}").recovery.fence_timeout_s == 1800.0


def test_limping_says_kill_or_a_time(tmp_path: Path) -> None:
    assert read(tmp_path, top="recovery: {limping: kill}").recovery.limping_s == 0
    assert read(tmp_path, top="recovery: {limping: 5m}").recovery.limping_s == 300


def test_the_schema_tells_its_defaults_as_a_file_would() -> None:
    keys = spec.json_schema()["$defs"]["RecoverySection"]["properties"]

    assert [keys[key]["default"] for key in ("doubt", "budget", "fence_timeout", "limping", "meltdown_share")] == [
        "1m", 10, "wait", "30m", "20%"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("{doubt: 60}", "recovery.doubt", "not a duration"),
        ("{doubt: 1s}", "recovery.doubt", "not between 20s and 30m"),
        ("{budget: 0}", "recovery.budget", "greater than or equal to 1"),
        ("{meltdown_share: 0.2}", "recovery.meltdown_share", "not a percentage"),
        ("{meltdown_share: 200%}", "recovery.meltdown_share", "not between 1% and 100%"),
        ("{fence_timeout: never}", "recovery.fence_timeout", "not a duration"),
        ("{limping: 10s}", "recovery.limping", "not between 1m and 6h"),
        ("{fence_timeout: 2h}", "recovery", "fence_timeout_s is 7200"),
        ("{verify: 20m, incident: 10m}", "recovery", "verify_s is 1200: use less than incident_s"),
        ("{patience: 1m}", "recovery.patience", "is no key"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_key(text: str, key: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(spec.SpecError) as caught:
        read(tmp_path, top=f"recovery: {text}")

    [problem] = caught.value.problems
    assert problem.key == key
    assert words in problem.message
    assert problem.remedy


def test_a_disagreement_may_lead_to_a_replacement(tmp_path: Path) -> None:
    assert read(tmp_path, assembly="on_disagreement: replace").assemblies[0].on_disagreement is OnDisagreement.REPLACE
    assert read(tmp_path).assemblies[0].on_disagreement is OnDisagreement.REPORT
