"""Where $CI is set nothing may be missing: a test that is skipped there has failed, but for the reasons named here."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

GRANTED = (
    "there is a GPU",  # of a test of the message that there is none
    "the installed tokenizers loses overflowing windows",  # some releases do: there is nothing to compare with
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail") and call.excinfo is not None:
        reason = str(call.excinfo.value)
        if not reason.startswith(GRANTED):
            report.outcome, report.longrepr = "failed", f"{item.nodeid} was skipped, which CI may not: {reason}"
    return report
