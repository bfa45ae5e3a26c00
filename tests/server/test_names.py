"""What the models of a server are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from qatk.errors import UsageError
from qatk.server.names import named_models


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["runs/mini"], ["mini"]),
        (["runs/mini", "ck/bert", "ck/roberta"], ["mini", "bert", "roberta"]),
        (["ran/mini/model", "runs/mini/model"], ["mini", "model"]),
        (["runs/a/seed0", "runs/b/seed0", "runs/c/d/seed0", "ck/bert"], ["seed0", "b/seed0", "d/seed0", "bert"]),
        (["runs/a/seed0/", "./runs/a/x/../../b/seed0"], ["seed0", "b/seed0"]),
        (["seed0=ck/bert", "runs/a/seed0"], ["seed0", "a/seed0"]),
        (["deepset/roberta", "s3://bucket/runs/roberta"], ["roberta", "runs/roberta"]),
        (["lr=0.1", "runs/lr=0.2", "x=lr=0.1"], ["lr=0.1", "lr=0.2", "x"]),
        (["pröd-1.0=deepset/roberta"], ["pröd-1.0"]),
    ],
)
def test_a_name_depends_on_no_model_behind_it(
    words: list[str], names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lr=0.1").mkdir()
    (tmp_path / "ran" / "mini").mkdir(parents=True)
    (tmp_path / "ran" / "mini" / "manifest.json").touch()
    for size in range(1, len(words) + 1):
        assert list(named_models(words[:size])) == names[:size]
    behind = {"seed0=ck/bert": "ck/bert", "x=lr=0.1": "lr=0.1", "pröd-1.0=deepset/roberta": "deepset/roberta"}
    assert [*named_models(words).values()] == [behind.get(word, word) for word in words]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gone/a", "a", "gone/a"], "gone/a is given twice"),
        (["a=x", "a=y"], "two models are called 'a'"),
        (["x", "x=y"], "two models are called 'x'"),
        (["x=y", "/x"], "two models are called 'x'"),
        (["=x"], "'' is no name of a model"),
        (["my model=x"], "'my model' is no name of a model"),
        (["x="], "no model is called 'x'"),
    ],
)
def test_a_name_is_of_one_model(words: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=rf"^{said}\n.*NAME=MODEL"):
        named_models(words)
