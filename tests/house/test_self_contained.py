"""The repository needs nothing beside it, except for what measures on the shared data; that has one home."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from repository import ROOT, SHARED

OUTSIDE = re.compile(r"""\.\./shared|shared["' ]*/["' ]*data""")
HOME = "benchmarks/shared_data.py"
CONFLICT = re.compile(r"^(<{7} |>{7} |={7}$)", re.MULTILINE)


def test_only_one_file_knows_where_the_shared_data_are() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    folders = {name.partition("/")[0] for name in listed}
    assert {"README.md", "benchmarks", "docs", "examples", "plugins", "qatk", "tests", "tools"} <= folders
    texts = {name: (ROOT / name).read_bytes().decode("utf-8", "replace") for name in listed if (ROOT / name).is_file()}
    assert [name for name, text in texts.items() if OUTSIDE.search(text)] == [HOME]
    assert [name for name, text in texts.items() if CONFLICT.search(text)] == []


@pytest.mark.skipif(not os.environ.get("CI"), reason="the shared data may be absent outside CI")
def test_ci_has_the_shared_data() -> None:
    assert SHARED.is_dir(), f"set QATK_SHARED to the folder of the shared data; {SHARED} is none"
