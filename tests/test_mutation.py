"""What `make mutation` leaves out: two neighbouring rules that never have an answer both may change places."""

from __future__ import annotations

import pytest

from tools.mutation.disjoint import excluding_pairs

pytestmark = pytest.mark.heavy  # it asks all rules of thirty thousand views


def test_rules_that_exclude_one_another_are_found_and_no_others() -> None:
    pairs = excluding_pairs()

    assert ("none", "never-permitted", "taken-down") in pairs
    assert ("isolating", "reboot-database", "database-away") in pairs
    assert ("suspected", "gone", "superseded") not in pairs
    assert ("confirmed", "paused", "called-off") not in pairs
    assert ("verifying", "unanswered", "not-all-over") not in pairs
