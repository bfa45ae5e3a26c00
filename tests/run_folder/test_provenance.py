"""What took part in a run, held against what is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from qatk.errors import QatkWarning, RunFolderError
from qatk.inference.bench import Measured
from qatk.inference.bench_page import bench_html
from qatk.plugins.host import PluginHost
from qatk.run_folder.provenance import check_suppliers, describe_component, describe_machine
from small import VAULT


def test_the_cores_are_those_that_the_process_may_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qatk.cores._ROOT", tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {5, 6, 7}, raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    assert describe_machine([])["cores"] == 3
    measured = Measured("m", "torch", "", 1, 1.0, 1.0, 1.0, 1, 1, 1.0, 1)
    assert ", 3 processors" in bench_html([measured], ["m"])


def test_metadata_of_packages_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = describe_machine(["pytest"])
    monkeypatch.setattr("importlib.metadata.distribution", lambda name: pytest.fail(f"{name} is read again"))
    assert describe_machine(["pytest"]) == before


def test_a_component_that_its_plugin_no_longer_has_is_named() -> None:
    host = PluginHost.discover()
    rows = [describe_component(registered) for registered in host.components("decoder")]
    check_suppliers(rows, host, "runs/a")
    gone = rows[0].model_copy(update={"name": "gone"})
    with pytest.raises(RunFolderError, match=r"made with decoder 'gone' of plugin decoders \(.*\), which is not here"):
        check_suppliers([*rows, gone], host, "runs/a")


def test_a_plugin_that_is_a_file_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(VAULT)
    host = PluginHost.discover(files=[str(tmp_path / "mine.py")])
    row = describe_component(host.find("dataset", "vault"))
    check_suppliers([row.model_copy(update={"version": "elsewhere/mine.py"})], host, "runs/a")


def test_changed_components_of_one_owner_stand_together() -> None:
    host = PluginHost.discover()
    found = sorted(map(describe_component, host.components("decoder")), key=lambda row: row.name)[:2]
    rows = [row.model_copy(update={"source": "other"}) for row in found]
    rows.append(found[0].model_copy(update={"version": "0.0"}))
    rows.append(found[0].model_copy(update={"distribution": "qatk-other", "version": "9.9"}))
    names = [f"decoder {row.name!r}" for row in rows]
    now = found[0].version
    with pytest.warns(QatkWarning) as said:
        check_suppliers(rows, host, "runs/a")
    assert [str(one.message) for one in said] == [
        f"runs/a was begun with {names[0]}, {names[1]} of qatk {now}, its source changed since; "
        f"{names[0]} of qatk 0.0, now {now}; {names[0]} of qatk-other 9.9, now of qatk {now}"
    ]
