"""What took part in a run, held against what is installed."""

from __future__ import annotations

import pytest

from qatk.errors import RunFolderError
from qatk.plugins.host import PluginHost
from qatk.run_folder.provenance import check_suppliers, describe_component


def test_a_component_that_its_plugin_no_longer_has_is_named() -> None:
    host = PluginHost.discover()
    rows = [describe_component(registered) for registered in host.components("decoder")]
    check_suppliers(rows, host, "runs/a")
    gone = rows[0].model_copy(update={"name": "gone"})
    with pytest.raises(RunFolderError, match=r"made with decoder 'gone' of plugin decoders \(.*\), which is not here"):
        check_suppliers([*rows, gone], host, "runs/a")
