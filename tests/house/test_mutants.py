"""The faults that ``tools/mutants.py`` plants: from every room, none in what nothing runs, and told where they live."""

from __future__ import annotations

from pathlib import Path

import pytest

import mutants  # of tools/
from repository import ROOT


@pytest.mark.parametrize("room", mutants.ROOMS)
def test_a_room_has_files_and_tests(room: str) -> None:
    patterns, tests = mutants.ROOMS[room]
    assert all(list(ROOT.glob(pattern)) for pattern in patterns)
    assert all((ROOT / path).exists() for path in tests)


def test_annotations_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f(x: int | None) -> int | None:\n    return x\n")
    assert list(mutants.mutants("a.py", tmp_path)) == []
    (tmp_path / "a.py").write_text("def f(x: int | None) -> int | None:\n    return x + 1\n")
    assert {mutant.operator.partition("_")[0] for mutant in mutants.mutants("a.py", tmp_path)} == {
        "core/ReplaceBinaryOperator",
        "core/NumberReplacer",
    }


def test_what_is_explained_still_stands_there() -> None:
    files = {path for patterns, _ in mutants.ROOMS.values() for pattern in patterns for path in ROOT.glob(pattern)}
    lines = {line.strip() for path in files for line in path.read_text("utf-8").splitlines()}
    for (was, now), why in mutants.explanations().items():
        assert was in lines, was
        assert mutants.explained(f"+++ a.py\n@@ -1 +1 @@\n-    {was}\n+    {now}") == why
    assert mutants.explained("-    a = 1\n+    a = 2") == ""


def test_a_fault_is_caught_or_shown(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f(x):\n    return x - 0\n")
    caught, lives = (mutants.Mutant("a.py", f"core/ReplaceBinaryOperator_Sub_{name}", 0) for name in ("Div", "Add"))
    (tmp_path / "test_a.py").write_text(
        "import sys\n\nsys.dont_write_bytecode = True\n\n\ndef test_f():\n    import a\n\n    assert a.f(3) == 3\n"
    )
    assert mutants.passes(tmp_path, ["test_a.py"], 60)
    assert mutants.survives(caught, tmp_path, ["test_a.py"], 60) == ""
    assert "+    return x + 0" in mutants.survives(lives, tmp_path, ["test_a.py"], 60)
    assert (tmp_path / "a.py").read_text() == "def f(x):\n    return x - 0\n"
