"""In CI a skipped test is a failed one: no browser and no shared data are failures there."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import PYTEST, call
from repository import SUPPORT

FILE = """
import pytest

@pytest.mark.skipif(True, reason="no Chromium was found")
def test_marked(): ...

@pytest.fixture
def data():
    pytest.skip("no shared data")

def test_of_a_fixture(data): ...

def test_of_a_body():
    pytest.skip({reason!r})

@pytest.mark.xfail(reason="known")
def test_known():
    assert False
"""


@pytest.mark.parametrize(
    ("environ", "reason", "code", "said"),
    [
        ({"CI": ""}, "absent", 0, "3 skipped, 1 xfailed"),
        ({"CI": "true"}, "absent", 1, "1 failed, 1 xfailed, 2 errors"),
        ({"CI": "true"}, "there is a GPU", 1, "1 skipped, 1 xfailed, 2 errors"),
    ],
)
def test_a_skipped_test_fails_in_ci(environ: dict[str, str], reason: str, code: int, said: str, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(FILE.format(reason=reason))
    words = ["-p", "strict_skips", "-c", "/dev/null", "test_it.py"]
    forked = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # a plugin of pytest is among what was loaded before
    done = call(*PYTEST, *words, *forked, cwd=tmp_path, paths=[SUPPORT], **environ)
    assert (done.returncode, said in done.stdout) == (code, True), done.stdout
    if code:
        assert "was skipped, which CI may not: no Chromium was found" in done.stdout
