"""Files of users: what they may hold, and what is said of those that hold something else."""

from __future__ import annotations

import errno
import gzip
import io
import os
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qatk.errors import DataError, StorageError, UsageError
from qatk.files import (
    append_json_line,
    is_there,
    mend_lines,
    read_text,
    replacing,
    storage_errors,
    streaming,
    write_atomically,
    write_json,
)
from qatk.files import reading as files
from qatk.files.cache import cache_folder


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.txt", "rows"])
def test_rows_of_any_other_ending_than_that_of_parquet_are_json_lines(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text('{"id": "a"}\n\n{"id": "b"}\n')
    assert list(files.read_rows(tmp_path / name)) == [
        (f"{tmp_path / name}:1", {"id": "a"}),
        (f"{tmp_path / name}:3", {"id": "b"}),
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a/b.JSONL", ".jsonl"),
        ("a.CSV.GZ", ".csv"),
        ("a.csv.Zst", ".csv"),
        ("part-*.parquet", ".parquet"),
        ("a.v1.json", ".json"),
        ("a.gz", ""),
        ("a", ""),
        ("", ""),
    ],
)
def test_the_ending_says_the_kind(name: str, kind: str) -> None:
    assert files.ending(name) == files.ending(Path(name)) == kind


def test_rows_of_parquet_are_known_by_any_case(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "ROWS.PARQUET")
    assert [row for _, row in files.read_rows(tmp_path / "ROWS.PARQUET")] == [{"id": "a"}]


def test_gzip_of_several_members_and_of_padding_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"one ") + gzip.compress(b"two") + b"\0" * 512)
    assert read_text(path) == "one two"


def test_gzip_of_many_members_is_not_read_anew_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    fed, make = [0], zlib.decompressobj

    class Counting:
        def __init__(self, wbits: int) -> None:
            self.member = make(wbits=wbits)

        def decompress(self, data: bytes, most: int) -> bytes:
            fed[0] += len(data)
            return self.member.decompress(data, most)

        def __getattr__(self, name: str) -> object:
            return getattr(self.member, name)

    monkeypatch.setattr(zlib, "decompressobj", Counting)
    member, many = gzip.compress(b"ab"), 20_000
    assert files.text_of(member * many, Path("x")) == "ab" * many
    assert fed[0] <= many * io.DEFAULT_BUFFER_SIZE * 2


def test_sixty_megabytes_of_blanks_are_read_and_seventy_are_not(tmp_path: Path) -> None:
    assert len(files.text_of(gzip.compress(b" " * (60 << 20), 1), tmp_path)) == 60 << 20
    with pytest.raises(DataError, match="unfolds to more than"):
        files.text_of(gzip.compress(b" " * (70 << 20), 1), tmp_path)


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


def test_a_stream_unfolds_to_its_bound_and_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "UNFOLDED", 1000)
    path, text = tmp_path / "x.gz", os.urandom(5000).hex().encode()
    path.write_bytes(gzip.compress(text))
    assert b"".join(streaming.line_blocks(path)) == text
    path.write_bytes(gzip.compress(b"x" * 2_000_000))
    with pytest.raises(DataError, match="it unfolds to far more than its size"):
        list(streaming.line_blocks(path))


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, "zstd", asbytes=True))


def test_zstd_is_read_up_to_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "UNFOLDED", 1000)
    path = tmp_path / "x.json"
    path.write_bytes(zstd("naïve".encode()))
    assert read_text(path) == "naïve"
    path.write_bytes(zstd(b"x" * 2_000_000))
    with pytest.raises(DataError, match="zstd file unfolds to more than"):
        read_text(path)
    path.write_bytes(zstd(os.urandom(500))[:-9])
    with pytest.raises(DataError, match="zstd file is cut short or damaged"):
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


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real/x")
    for text in ("one", "two"):
        write_atomically(tmp_path / "link", text)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real" / "x").read_text() == text


def test_but_not_in_a_run_folder(tmp_path: Path) -> None:
    run, precious = tmp_path / "run", tmp_path / "precious"
    run.mkdir()
    precious.write_text("precious\n")
    for name in ("manifest.json", "report.md", "events.jsonl", "metrics.json", "log.jsonl"):
        (run / name).symlink_to(precious)
    write_json(run / "manifest.json", {"format": 2})
    write_json(run / "metrics.json", {})
    write_atomically(run / "report.md", "report")
    append_json_line(run / "events.jsonl", {"kind": "start"})
    mend_lines(run / "log.jsonl")
    assert precious.read_text() == "precious\n"
    assert not [file for file in run.iterdir() if file.is_symlink()]
    assert (run / "events.jsonl").read_text() == 'precious\n{"kind": "start"}\n'
    (run / "new.jsonl").symlink_to(tmp_path / "gone")
    append_json_line(run / "new.jsonl", {})
    assert not (tmp_path / "gone").exists()
    os.mkfifo(run / "pipe")
    write_atomically(run / "pipe", "text")
    assert (run / "pipe").read_text() == "text"


def test_nor_in_a_folder_of_a_run(tmp_path: Path) -> None:
    run, precious = tmp_path / "run", tmp_path / "precious"
    (run / "sets" / "test").mkdir(parents=True)
    (run / "manifest.json").write_text("{}")
    precious.write_text("precious\n")
    for place in (run / "sets" / "test" / "report.md", run / "sets" / "about.json"):
        place.symlink_to(precious)
        write_atomically(place, "report")
        assert not place.is_symlink()
    (run / "model").symlink_to(tmp_path)
    for name in ("precious", "new"):
        with pytest.raises(StorageError, match="model is a link"):
            write_atomically(run / "model" / name, "x")
    assert precious.read_text() == "precious\n"
    assert not (tmp_path / "new").exists()
    (tmp_path / "mine").symlink_to(run)
    write_atomically(tmp_path / "mine" / "report.md", "a link to the run itself is the user's")
    assert (run / "report.md").exists()


def test_a_folder_is_replaced_and_not_what_a_link_in_its_place_leads_to(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").touch()
    for name in ("model", ".model.new", ".model.old"):
        (tmp_path / name).symlink_to("elsewhere")
    with replacing(tmp_path / "model") as new:
        (new / "weights").touch()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["elsewhere", "file", "model", "weights"]
    assert not (tmp_path / "model").is_symlink()


def test_a_folder_that_cannot_be_replaced_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("before")
    move = Path.replace

    def stopped(path: Path, target: Path) -> Path:
        if path.name == ".model.new":
            raise KeyboardInterrupt
        return move(path, target)

    monkeypatch.setattr(Path, "replace", stopped)
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "model") as new:
        (new / "weights").write_text("after")
    assert {path.name for path in tmp_path.iterdir()} == {"model"}
    assert (tmp_path / "model" / "weights").read_text() == "before"


@pytest.mark.parametrize(
    ("number", "due"),
    [
        (errno.EROFS, "name another place, or get the right to write there; nothing was left half-written"),
        (errno.EACCES, "name another place, or get the right to write there; nothing was left half-written"),
        (errno.ENOSPC, "make room on the disk; nothing was left half-written"),
        (errno.EIO, "nothing was left half-written"),
    ],
)
def test_a_disk_that_refuses_is_told_with_what_to_do(number: int, due: str) -> None:
    with pytest.raises(StorageError) as told, storage_errors(Path("shared/run")):
        raise OSError(number, os.strerror(number))
    assert str(told.value) == f"shared/run: cannot write: {os.strerror(number)}\n  {due}"


def test_modes_follow_the_umask_and_the_file_that_was_there(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "new", "x")
        (tmp_path / "kept").touch()
        (tmp_path / "kept").chmod(0o604)
        write_atomically(tmp_path / "kept", "x")
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("new", "kept")] == [0o640, 0o604]


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    write_atomically(tmp_path / ("x" * 255), "x")
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_file_that_compresses_well_is_read_and_one_that_is_too_large_told(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packer = gzip.compress if kind == "gzip" else zstd
    path = tmp_path / "packed"
    path.write_bytes(packer(b" " * 3_000_000))
    assert len(read_text(path)) == 3_000_000 > 100 * path.stat().st_size
    monkeypatch.setattr(files, "UNFOLDED", 2 << 20)
    with pytest.raises(DataError, match=f"the {kind} file unfolds to more than 2 MiB, 100 times its size"):
        read_text(path)


def test_the_folder_of_the_cache() -> None:
    home = Path.home() / ".cache" / "qatk" / "features"
    assert cache_folder({}) == cache_folder({"XDG_CACHE_HOME": "here"}) == home
    assert cache_folder({"XDG_CACHE_HOME": "/there"}, "pages") == Path("/there/qatk/pages")
    assert cache_folder({"QATK_CACHE": "/mine", "XDG_CACHE_HOME": "/there"}) == Path("/mine/features")
    assert [cache_folder({"QATK_CACHE": off}) for off in ("", "off")] == [None, None]
