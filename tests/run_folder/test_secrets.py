"""Secrets that options hold reach no file of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

import qatk
from qatk.plugins.host import PluginHost
from qatk.run_folder.secrets import hidden, hidden_in_yaml
from small import write_recipe

SECRET = "s3cr3t+of(mine)"
PLUGIN = '''
from qatk.api import Component, hookimpl
from qatk_builtin.datasets import SquadOptions
from qatk_builtin.datasets.squad import SquadDataset


class VaultOptions(SquadOptions):
    """Options of a dataset that asks who is there."""

    token: str


@hookimpl
def qatk_datasets():
    return [Component("vault", SquadDataset, VaultOptions, "reads with a token")]
'''


@pytest.mark.parametrize(
    "written",
    [
        f"token: {SECRET}\n",
        f'"token": "{SECRET}"  # of mine\n',
        f"data: {{train: {{use: vault, token: '{SECRET}', path: a}}}}\n",
        f"token: >-\n  {SECRET}\n",
        f"data:\n  - token:   {SECRET}\n    path: b\n",
        f"hf_token: {SECRET}\npassword: {SECRET}\n",
        f"Token: {SECRET}\n",
    ],
)
def test_a_yaml_text_loses_its_secrets_and_nothing_else(written: str) -> None:
    value = yaml.safe_load(written)
    shown = hidden_in_yaml(written, value)
    assert SECRET not in shown
    assert yaml.safe_load(shown) == hidden(value)


def test_what_is_no_secret_stays() -> None:
    value = {"max_length": 3, "token": None, "tokens": "abc", "pad_token": "[PAD]", "path": "token.json"}
    assert hidden(value) == value
    assert hidden_in_yaml(yaml.safe_dump(value), value) == yaml.safe_dump(value)


def test_no_file_of_a_run_holds_the_token_of_a_dataset(tmp_path: Path) -> None:
    (tmp_path / "vault.py").write_text(PLUGIN)
    host = PluginHost.discover(files=[str(tmp_path / "vault.py")], environ={})
    recipe = write_recipe(tmp_path, train=24, dev=16, max_steps=2)
    content = json.loads(recipe.read_text())
    for part in content["data"].values():
        part |= {"use": "vault", "token": SECRET}
    recipe.write_text(yaml.safe_dump(content))
    out = tmp_path / "run"
    qatk.run(recipe, out=out, host=host)
    kept = yaml.safe_load((out / "recipe.yaml").read_text())
    assert [part["token"] for part in kept["data"].values()] == ["***", "***"]
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) > 8
    assert not [path.name for path in files if SECRET.encode() in path.read_bytes()]
