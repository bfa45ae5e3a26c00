"""The table of faults names tests that are there."""

from __future__ import annotations

import re

from repository import ROOT


def test_every_fault_has_a_test() -> None:
    page = (ROOT / "docs" / "explanation" / "reliability.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| fault")]
    assert len(rows) > 10
    for row in rows:
        (test,) = re.findall(r"`(tests/[\w/]+\.py)` \|$", row)
        assert (ROOT / test).is_file(), test
