"""Files of users: what they may hold, and what is said of those that hold something else."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from qatk import files
from qatk.errors import DataError, UsageError
from qatk.files import is_there, read_text


def test_gzip_of_several_members_and_of_padding_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"one ") + gzip.compress(b"two") + b"\0" * 512)
    assert read_text(path) == "one two"


def test_gzip_unfolds_to_its_bound_and_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "UNFOLDED", 1000)
    path = tmp_path / "x.gz"
    packed = gzip.compress(os.urandom(50).hex().encode() * 10)
    assert len(packed) < 1000 / files.RATIO * 20
    path.write_bytes(packed)
    assert len(read_text(path)) == 1000
    for members in (1, 3):
        packed = gzip.compress(b"x" * 200_000 * members) if members == 1 else gzip.compress(b"x" * 200_000) * members
        path.write_bytes(packed)
        with pytest.raises(DataError, match="unfolds to more than"):
            read_text(path)


def test_the_last_member_must_be_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"one ") + gzip.compress(b"two")[:-4])
    with pytest.raises(DataError, match="cut short"):
        read_text(path)


def test_a_place_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "round").symlink_to("round")
    assert is_there(tmp_path / "file")
    assert not is_there(tmp_path / "gone")
    assert not is_there(tmp_path / "file" / "in it")
    for name in ("x" * 300, "round", "a\0b"):
        with pytest.raises(UsageError, match="cannot be used"):
            is_there(tmp_path / name)
