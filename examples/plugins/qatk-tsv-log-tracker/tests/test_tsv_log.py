from pathlib import Path

from qatk.api import TrainEvent
from qatk.testing import PluginHost, check_component


def test_contract() -> None:
    check_component("tracker", "tsv-log")


def test_every_event_is_a_line(tmp_path: Path, qatk_host: PluginHost) -> None:
    tracker = qatk_host.build("tracker", "tsv-log", {"file": "curve.tsv"})
    tracker.start({}, tmp_path)
    tracker.event(TrainEvent("step", 1, 2, 0.5, 4.0, 1e-3, 12.0))
    tracker.event(TrainEvent("epoch", 2, 2, 1.0, 3.0, 1e-3, 11.0, {"dev_loss": 2.0, "exact": 40.0, "f1": 50.0}))
    lines = (tmp_path / "curve.tsv").read_text().splitlines()
    assert [line.split("\t") for line in lines] == [
        ["step", "epoch", "loss", "exact", "f1", "dev_loss"],
        ["1", "0.5", "4", "", "", ""],
        ["2", "1", "3", "40", "50", "2"],
    ]
