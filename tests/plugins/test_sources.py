"""One digest of a component's sources: its own room and the types count, other rooms do not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from qatk.plugins import sources
from qatk.plugins.host import PluginHost
from qatk.plugins.sources import digest_of, sources_digest
from repository import ROOT


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the built-ins and of the types, to edit."""
    for package, place in (("plugins/qatk_builtin", "qatk_builtin"), ("qatk/types", "types")):
        shutil.copytree(ROOT / package, tmp_path / place)
    monkeypatch.setattr(sources.qatk.types, "__file__", str(tmp_path / "types" / "__init__.py"))
    return tmp_path


@pytest.mark.parametrize(
    ("edited", "counts"),
    [
        ("qatk_builtin/featurizers/windows.py", True),
        ("qatk_builtin/featurizers/__init__.py", True),
        ("types/features.py", True),
        ("qatk_builtin/reporters/console/reporter.py", False),
        ("qatk_builtin/trainers/pytorch/trainer.py", False),
    ],
)
def test_what_counts_for_a_featurizer(house: Path, edited: str, counts: bool) -> None:
    stride = house / "qatk_builtin" / "featurizers" / "stride.py"
    before = digest_of([stride])
    file = house / edited
    file.write_text(file.read_text() + "# edited\n")
    assert (digest_of([stride]) != before) == counts


def test_files_are_read_once_until_one_of_them_changes(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stride, read, plain = house / "qatk_builtin" / "featurizers" / "stride.py", list[Path](), Path.read_bytes
    before = digest_of([stride])
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or plain(path))
    assert digest_of([stride]) == before
    assert not read
    stat, text = stride.stat(), stride.read_text()
    (other := stride.with_name("other")).write_text(text.replace("def ", "DEF "))  # as long, and as old
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(stride)
    assert digest_of([stride]) != before
    assert stride in read


def test_deeper_files_of_a_room_belong_to_it(house: Path) -> None:
    trainers = house / "qatk_builtin" / "trainers"
    assert digest_of([trainers / "pytorch" / "trainer.py"]) == digest_of([trainers / "pytorch" / "model.py"])
    before = digest_of([trainers / "pytorch" / "trainer.py"])
    (trainers / "__init__.py").write_text("")
    assert digest_of([trainers / "pytorch" / "trainer.py"]) != before


def test_every_built_in_has_one(host: PluginHost) -> None:
    digests = {registered.kind: sources_digest(registered) for registered in host.components()}
    assert None not in digests.values()
    assert len(set(digests.values())) == len(digests), "each other kind has a room of its own"


def test_the_digest_does_not_hang_on_where_a_package_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside :mod:`qatk.types`, before it or behind it in the order of paths: repository and wheel differ in that."""
    (tmp_path / "m" / "types").mkdir(parents=True)
    (tmp_path / "m" / "types" / "__init__.py").write_text("a = 1")
    monkeypatch.setattr(sources.qatk.types, "__file__", str(tmp_path / "m" / "types" / "__init__.py"))
    found = set()
    for place in ("a", "z"):
        (tmp_path / place / "own").mkdir(parents=True)
        for name in ("__init__.py", "more.py"):
            (tmp_path / place / "own" / name).write_text(f"x = {name!r}")
        found.add(digest_of([tmp_path / place / "own" / "more.py"]))
    assert len(found) == 1
    (tmp_path / "z" / "own" / "more.py").write_text("x = 2")
    assert digest_of([tmp_path / "z" / "own" / "__init__.py"]) not in found
