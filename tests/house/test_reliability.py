"""The table of faults names tests that are there."""

from __future__ import annotations

import re

from repository import ROOT


def test_every_fault_has_a_test() -> None:
    page = (ROOT / "docs" / "explanation" / "reliability.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| fault")]
    assert len(rows) > 10
    for row in rows:
        ((file, test),) = re.findall(r"`(tests/[\w/]+\.py)` `(test_\w+)` \|$", row)
        assert f"\ndef {test}(" in (ROOT / file).read_text("utf-8"), row
