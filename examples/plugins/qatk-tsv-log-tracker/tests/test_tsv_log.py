from pathlib import Path

from qatk.plugins.host import PluginHost
from qatk.testing import check_component
from qatk.testing.inputs.questions import events


def test_contract() -> None:
    check_component("tracker", "tsv-log")


def test_every_event_is_a_line(tmp_path: Path) -> None:
    tracker = PluginHost.discover().build("tracker", "tsv-log", {"file": "curve.tsv"})
    tracker.start({}, tmp_path)
    for event in events():
        tracker.event(event)
    lines = (tmp_path / "curve.tsv").read_text().splitlines()
    assert lines[0].split("\t") == ["step", "epoch", "loss", "exact", "f1", "dev_loss"]
    assert len(lines) == 1 + len(events())
    assert lines[1].split("\t")[:3] == ["1", "0.5", "4"]
