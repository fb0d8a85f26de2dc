"""What the drills of a file's own choice are played on: a demo that does not wait for people, and a file that the format takes."""

from __future__ import annotations

from pathlib import Path

from core.model import OnDisagreement
from lab.drills.programme import plan
from lab.drills.scenes import DRILLS
from lab.drills.tables.chosen import HASTY
from lab.drills.variants import DISAGREEMENT_S, FENCE_TIMEOUT_S
from spec import load


def test_they_share_a_lab_whose_file_says_what_they_wait_for(tmp_path: Path) -> None:
    [evening] = plan([drill.name for drill in DRILLS.values() if drill.needs == HASTY])
    made = load(evening.setting.files(tmp_path)[0])

    assert evening.names == ("fence-unconfirmed-proceed", "disagreement-replace")
    assert (made.recovery.fence_timeout_s, made.recovery.disagreement_s) == (FENCE_TIMEOUT_S, DISAGREEMENT_S)
    assert [assembly.on_disagreement for assembly in made.assemblies] == [OnDisagreement.REPLACE]
    assert made.recovery.fence_page_s < FENCE_TIMEOUT_S
