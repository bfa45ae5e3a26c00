"""Checkpoints are whole or not there, the newest few are kept, and damage is named."""

from __future__ import annotations

import errno
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest

from qatk.errors import QatkWarning, RunFolderError, StorageError
from qatk.files import storage_errors
from qatk.run_folder.checkpoints import DIGESTS, Checkpoints, damage_of, write_checkpoint


def saving(text: str) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        (folder / "weights").write_text(text)
        (folder / "more").mkdir()
        (folder / "more" / "state").write_text(text * 2)

    return save


def test_the_newest_few_are_kept(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path / "checkpoints", 2)
    assert kept.newest() is None
    for step in (8, 12, 99_999_999, 100_000_000):
        kept.write(step, saving(str(step)))
    assert sorted(path.name for path in kept.folder.iterdir()) == ["step-100000000", "step-99999999"]
    newest = kept.newest()
    assert newest is not None
    assert (newest / "weights").read_text() == "100000000"


def test_a_state_that_is_made_again_takes_the_place_of_the_first(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path, 1)
    kept.write(3, saving("a"))
    assert (kept.write(3, saving("b")) / "weights").read_text() == "b"
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000003"]


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: (path / "weights").write_text("b"), "weights has changed since it was written"),
        (lambda path: (path / "weights").write_text(""), "weights has changed since it was written"),
        (lambda path: (path / "more" / "state").unlink(), "more/state is missing"),
        (lambda path: (path / DIGESTS).write_text("{"), f"{DIGESTS} cannot be read"),
        (lambda path: (path / DIGESTS).write_text("[]"), f"{DIGESTS} cannot be read"),
    ],
)
def test_a_damaged_one_is_named_and_the_one_before_it_is_used(
    harm: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    kept = Checkpoints(tmp_path, 2)
    first, second = kept.write(1, saving("a")), kept.write(2, saving("a"))
    assert kept.newest() == second
    harm(second)
    with pytest.warns(QatkWarning, match=f"{second} is damaged and left out: {said}"):
        assert kept.newest() == first
    harm(first)
    with pytest.warns(QatkWarning), pytest.raises(RunFolderError, match=r"all checkpoints in .* are damaged"):
        kept.newest()


def test_those_of_former_versions_are_read_and_go(tmp_path: Path) -> None:
    (tmp_path / "last").mkdir()
    saving("old")(tmp_path / "last")
    kept = Checkpoints(tmp_path, 1)
    assert kept.newest() == tmp_path / "last"
    kept.write(5, saving("new"))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000005"]


def test_what_cannot_be_written_leaves_the_last_one_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Checkpoints(tmp_path, 1)
    first = kept.write(1, saving("a"))

    def full(folder: Path) -> None:
        (folder / "weights").write_text("half")
        with storage_errors(folder):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageError, match="No space left") as raised:
        kept.write(2, full)
    assert f"{first} is whole, and the same call with resume=True goes on" in str(raised.value)
    assert list(tmp_path.iterdir()) == [first]
    assert kept.newest() == first
    usage = namedtuple("usage", "total used free")(10**9, 10**9, 4096)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StorageError, match=r"first: no room for a checkpoint: it takes more than 4 B\n.* make room"):
        Checkpoints(tmp_path / "first", 1).write(1, full)


def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Checkpoints(tmp_path, 1)
    kept.write(1, saving("a" * 1_000_000))
    usage = namedtuple("usage", "total used free")(10**9, 10**9, 2_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StorageError, match=r"it takes 3.0 MB, and 2.0 MB are free"):
        kept.write(2, saving("b"))


def test_a_checkpoint_without_digests_is_taken_as_it_is(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "best", saving("a"))
    assert damage_of(tmp_path / "best") is None
    (tmp_path / "best" / DIGESTS).unlink()
    assert damage_of(tmp_path / "best") is None


def test_a_state_of_another_run_is_refused_and_an_older_one_without_an_owner_is_not(tmp_path: Path) -> None:
    mine, other = {"recipe": "a", "limit": None}, {"recipe": "b", "limit": None}
    path = Checkpoints(tmp_path, 2, other).write(5, saving("a"))
    assert Checkpoints(tmp_path, 2, other).newest() == path
    assert Checkpoints(tmp_path, 2).newest() == path
    with pytest.raises(RunFolderError, match="step-00000005 is the state of another run"):
        Checkpoints(tmp_path, 2, mine).newest()
    unsigned = Checkpoints(tmp_path, 2).write(6, saving("a"))
    assert Checkpoints(tmp_path, 2, mine).newest() == unsigned
