"""What is wrong with metrics and slicers is told before any text is tokenized, and the folder is free."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import qatk
from qatk.errors import DataError, QatkError, UsageError
from qatk.progress import listen
from qatk.runs.rehearsal import few_of
from small import squad, write_recipe
from stride_tools import examples_of

WRONG = [
    ("keep_best=bleu", UsageError, "keep_best names 'bleu', which no metric computes"),
    ("keep_best=rouge1", UsageError, "known: exact, f1, total"),
    ("slicers=[{use: column, name: hops}]", DataError, r"there is no column 'hops' to slice by \(columns read: none\)"),
    ("data.dev.columns=[hops]", DataError, "no question has a value for 'hops'"),
]


@pytest.mark.parametrize(("setting", "kind", "said"), WRONG)
def test_a_name_that_is_not_there_is_refused_first(
    setting: str, kind: type[QatkError], said: str, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path, train=24, dev=12)
    stages: list[str] = []
    with listen(lambda what, *_: stages.append(what)), pytest.raises(kind, match=said):
        qatk.run(recipe, out=tmp_path / "run", settings=[setting])
    assert stages == ["data"]
    assert qatk.run(recipe, out=tmp_path / "run", settings=["trainer.max_steps=1"]).metrics["total"] == 12


def test_a_figure_of_any_group_can_be_kept_by(tmp_path: Path) -> None:
    """Also where the first questions of dev have no such group: those of ``small`` begin with an unanswerable one."""
    recipe = write_recipe(tmp_path, train=16, dev=8, max_steps=1)
    data = squad(24, 2)
    data["data"][0]["paragraphs"].sort(key=lambda paragraph: paragraph["qas"][0]["is_impossible"])
    (tmp_path / "dev.json").write_text(json.dumps(data))
    for name in ("NoAns_f1", "HasAns_exact", "best_f1"):
        settings = [f"keep_best={name}"]
        assert name in qatk.run(recipe, out=tmp_path / name, settings=settings).metrics


def test_an_epoch_is_not_kept_by_anything_where_nothing_is_trained(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, train=16, dev=8, max_steps=1)
    qatk.run(recipe, out=tmp_path / "first")
    model = f"backbone={{use: hf, model: '{tmp_path / 'first' / 'model'}'}}"
    again = qatk.run(
        recipe, out=tmp_path / "again", settings=["data.train=null", model, "metrics=[{use: squad}]", "keep_best=bleu"]
    )
    assert "f1" in again.metrics


def test_few_are_of_both_kinds_where_there_are_both() -> None:
    answers = [[("Ada", 0)]] * 10 + [[]] * 2
    few = few_of(examples_of([("Who?", f"Ada wrote it {i}.") for i in range(12)], answers))
    assert few.id == ["q0", "q1", "q2", "q3", "q4", "q5", "q10", "q11"]
    assert few_of(examples_of([("Who?", "Ada wrote it.")], [[]])).id == ["q0"]
