"""Built-in metrics and slicers as runs use them."""

from __future__ import annotations

from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveMetric, LiveSlicer


def metrics(host: PluginHost, *names: str) -> list[LiveMetric]:
    return [host.live(LiveMetric, "metric", name) for name in names]


def slicers(host: PluginHost, *names: str) -> list[LiveSlicer]:
    return [host.live(LiveSlicer, "slicer", name) for name in names]
