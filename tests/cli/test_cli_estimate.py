"""`understudy estimate` as a user runs it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.commanding import understudy
from tests.cli.test_cli_command import BROKEN, DEMO


def test_it_tells_each_line_each_subtotal_and_what_is_not_counted(tmp_path: Path) -> None:
    done = understudy("estimate", DEMO, cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"table: reports +525,600 +\$0\.625 per million write units +0\.33 +one write every 5 s", done.stdout)
    assert re.search(r"the detection path, together: \$1\.\d\d\n", done.stdout)
    assert re.search(r"all that Understudy adds: \$[2-4]\.\d\d\n", done.stdout)
    assert "not counted: data that leaves AWS" in done.stdout
    assert "no free tier" in done.stdout


def test_the_subtotals_add_up(tmp_path: Path) -> None:
    told = json.loads(understudy("estimate", DEMO, "--json", cwd=tmp_path).stdout)
    totals = {name: total["usd"] for name, total in told["totals"].items()}

    assert totals["added"] == pytest.approx(totals["detection"] + totals["ours"])
    assert sum(line["usd"] for line in told["lines"]) == pytest.approx(totals["added"] + totals["yours"])


def test_each_line_says_its_rate_with_source_and_how_it_was_reckoned(tmp_path: Path) -> None:
    told = json.loads(understudy("estimate", DEMO, "--json", cwd=tmp_path).stdout)

    assert (told["region"], told["date"]) == ("us-east-1", "2026-11-21")
    for line in told["lines"]:
        assert line["rate"]["source"].startswith("https://aws.amazon.com/")
        assert line["rate"]["seen"]
        assert line["how"]


def test_it_tells_how_long_each_failure_will_take_with_our_share_and_awss(tmp_path: Path) -> None:
    done = understudy("estimate", DEMO, cwd=tmp_path)

    assert re.search(r"the machine is gone +3\.1 \(5\.3\) +25\.8 +28\.9 \(31\.1\) .*measured: kill-instance", done.stdout)
    assert re.search(r"counter hangs +2\.5 \(3\) +- +2\.5 \(3\) ", done.stdout)


def test_an_unknown_machine_is_a_question_mark_and_the_totals_say_what_they_lack(tmp_path: Path) -> None:
    (tmp_path / "demo").symlink_to(DEMO.parent / "demo")
    (tmp_path / "demo.yaml").write_text(DEMO.read_text().replace("[t4g.small]", "[t4g.16xlarge]"))
    done = understudy("estimate", "demo.yaml", cwd=tmp_path)

    assert done.returncode == 0
    assert re.search(r"instance: counter: t4g\.16xlarge +730 +not in the rates file +\? ", done.stdout)
    assert re.search(r"everything together: \$\d+\.\d\d, without t4g\.16xlarge: not in the rates file\n", done.stdout)


def test_rates_of_ones_own_are_taken_first_and_said(tmp_path: Path) -> None:
    rates = 'region: eu-central-1\ndate: "2026-10-01"\ninstances: {source: contract, seen: contract, usd_an_hour: {t4g.small: 0.02}}\n'
    (tmp_path / "mine.yaml").write_text(rates)
    done = understudy("estimate", DEMO, "--rates", "mine.yaml", cwd=tmp_path)

    assert re.search(r"instance: counter: t4g\.small +730 +\$0\.02 per hour +14\.60 ", done.stdout)
    assert "in eu-central-1" in done.stdout
    assert "2026-10-01, and where mine.yaml says nothing at those of us-east-1, 2026-11-21" in done.stdout


def test_a_wrong_file_of_either_kind_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text(BROKEN)
    (tmp_path / "mine.yaml").write_text("region: here\n")

    assert "3 problems in broken.yaml" in understudy("estimate", "broken.yaml", cwd=tmp_path).stderr
    done = understudy("estimate", DEMO, "--rates", "mine.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "mine.yaml:1: date is wrong: field required" in done.stderr


def test_it_explains_itself(tmp_path: Path) -> None:
    done = understudy("estimate", "--help", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: understudy estimate")
