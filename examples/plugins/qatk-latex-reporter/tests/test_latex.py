import io
from pathlib import Path

from qatk_latex.reporter import escape
from rich.console import Console

from qatk.plugins import PluginHost
from qatk.testing import check_component


def test_contract() -> None:
    check_component("reporter", "latex")


def test_it_can_show_comparisons() -> None:
    assert callable(PluginHost.discover().build("reporter", "latex").compare)


def test_nothing_of_a_name_is_markup(tmp_path: Path) -> None:
    assert escape(r"a_b & 50% \x{~}") == r"a\_b \& 50\% \textbackslash{}x\{\textasciitilde{}\}"
    reporter, shown = PluginHost.discover().build("reporter", "latex"), io.StringIO()
    reporter._put([("run_1", {"f1": 50.0})], None, Console(file=shown, width=20))
    assert r"run\_1 & 50.0 \\" in shown.getvalue()
