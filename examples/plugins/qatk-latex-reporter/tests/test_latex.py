import io

from qatk_latex.reporter import escape
from rich.console import Console

from qatk.testing import PluginHost, check_component


def test_contract() -> None:
    check_component("reporter", "latex")


def test_it_can_show_comparisons(qatk_host: PluginHost) -> None:
    assert callable(qatk_host.build("reporter", "latex").compare)


def test_nothing_of_a_name_is_markup(qatk_host: PluginHost) -> None:
    assert escape(r"a_b & 50% \x{~}") == r"a\_b \& 50\% \textbackslash{}x\{\textasciitilde{}\}"
    reporter, shown = qatk_host.build("reporter", "latex"), io.StringIO()
    reporter._put([("run_1", {"f1": 50.0})], None, Console(file=shown, width=20))
    assert r"run\_1 & 50.0 \\" in shown.getvalue()
