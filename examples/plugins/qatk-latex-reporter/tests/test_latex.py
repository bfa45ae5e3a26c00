from qatk_latex.reporter import escape

import qatk
from qatk.results import System
from qatk.testing import PluginHost, check_component


def test_contract() -> None:
    check_component("reporter", "latex")


def test_it_can_show_comparisons(qatk_host: PluginHost) -> None:
    assert callable(qatk_host.build("reporter", "latex").compare)


def test_nothing_of_a_name_is_markup(qatk_host: PluginHost) -> None:
    assert escape(r"a_b & 50% \x{~}") == r"a\_b \& 50\% \textbackslash{}x\{\textasciitilde{}\}"


def test_the_table_says_what_it_is_of(qatk_host: PluginHost) -> None:
    rows = [
        {"id": str(k), "question": "What is old?", "context": f"The mill of guild {k} is old.", "answers": ["mill"]}
        for k in range(8)
    ]
    found = [qatk.evaluate(rows, {str(k): "mill" if k % 2 else said for k in range(8)}) for said in ("old", "mill")]
    table = qatk_host.build("reporter", "latex").table([System("run_1", found, [0, 1], ["", ""])], found[0].clusters)
    assert r"of 8 questions, with 95\,\% intervals by context (8); means over 2 seeds; normaliser en." in table
    assert r"run\_1 & 75.0 (" in table
    alone = qatk.evaluate(rows[:1], {"0": "mill"})
    one = qatk_host.build("reporter", "latex").table([System("a", [alone])], alone.clusters)
    assert r"a & 100.0 & 100.0 & 100.0 \\" in one
