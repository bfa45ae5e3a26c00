"""The cores of a process in a container: what its control groups leave it."""

from __future__ import annotations

from pathlib import Path

import pytest

from qatk.cores import usable_cores


@pytest.mark.parametrize(
    ("groups", "files", "due"),
    [
        ("0::/", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/", {"cpu.max": "10000 100000\n"}, 1),
        ("0::/", {"cpu.max": "max 100000\n"}, 8),
        ("0::/", {"cpu.max": "6400000 100000\n"}, 8),
        ("0::/a/b", {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000"}, 3),
        ("0::/a/b", {"a/cpu.max": "500000 100000", "a/b/cpu.max": "400000 100000"}, 4),
        ("0::/../..", {"cpu.max": "200000 100000"}, 2),
        ("0::/", {"unified/cpu.max": "200000 100000"}, 2),
        (
            "4:memory:/\n3:cpu,cpuacct:/docker/x",
            {"cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "100000"},
            3,
        ),
        ("3:cpu:/x", {"cpu/x/cpu.cfs_quota_us": "-1", "cpu/x/cpu.cfs_period_us": "100000"}, 8),
        ("3:cpu,cpuacct:/", {"cpu,cpuacct/cpu.cfs_quota_us": "50000", "cpu,cpuacct/cpu.cfs_period_us": "50000"}, 1),
        ("3:cpuset:/", {"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 8),
        ("0::/", {"cpu.max": "many\n"}, 8),
        ("0::/", {"cpu.max": "0 0\n"}, 8),
        ("0::/", {}, 8),
        (None, {}, 8),
    ],
)
def test_a_quota_leaves_fewer_cores(
    groups: str | None, files: dict[str, str], due: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr("qatk.cores._ROOT", tmp_path)
    written = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    for name, text in {**written, **({} if groups is None else {"proc/self/cgroup": f"{groups}\n"})}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert usable_cores() == due
