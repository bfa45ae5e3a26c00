"""Secrets that options hold reach no file of a run."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
import yaml
from rich.console import Console

import qatk
from qatk.errors import RunFolderError, UsageError
from qatk.plugins.host import PluginHost
from qatk.recipes.document import parse
from qatk.run_folder.secrets import hidden, hidden_in_yaml
from small import VAULT, write_recipe

SECRET = "s3cr3t+of(mine)"


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
        f"token: '{SECRET}''s'\n",
        f'password: "{SECRET}\\"b"  # of mine\n',
        f'password: "\\x73{SECRET[1:]}"\npath: "{SECRET[1:3]}"\n',
        f"token: &t {SECRET}\npath: a\n",
        f"token: !!str {SECRET}\npath: a\n",
        f"data:\n  credentials: {{user: me, key: {SECRET}}}\n  path: b\n",
        f"credentials:\n  user: me\n  key: {SECRET}\n\n# of mine\npath: b\n",
        f"token:\n- {SECRET}\n- null\npath: b\n",
        f"token: [{SECRET}]\n",
        f"data:\n  token:  # of mine\n  - {SECRET}\n  - b\n  path: b\n",
        f"token: |\n  {SECRET}\n  {SECRET}\n\n# of mine\npath: b\n",
        f"token: {SECRET}\n  {SECRET}\npath: b\n",
        f'{{"token": "{SECRET}", "path": "a", "secret": true}}',
        f"? token\n: {SECRET}\n",
        f"path: &key token\ndata: {{*key : {SECRET}}}\n",
    ],
)
def test_a_yaml_text_loses_its_secrets_and_nothing_else(written: str) -> None:
    shown = hidden_in_yaml(written)
    assert SECRET not in shown
    assert ("of mine" in shown) == ("of mine" in written)
    assert parse(shown, "shown").value == hidden(parse(written, "written").value)


def test_what_is_an_alias_of_a_secret_is_starred_too() -> None:
    written = f"credentials: &c {{key: &k {SECRET}}}\nall: [*c, *k]\ntoken: *k\n"
    shown = hidden_in_yaml(written)
    assert shown == 'credentials: "***"\nall: ["***", "***"]\ntoken: "***"\n'


def test_a_secret_is_starred_under_other_names_too() -> None:
    data = f"{{dev: {{token: &t {SECRET}, path: a}}, train: {{note: *t, key: [*t]}}}}"
    written = f"data: {data}\nshort: {{token: &s b, note: *s}}\n"
    assert hidden(parse(written, "written").value) == {
        "data": {"dev": {"token": "***", "path": "a"}, "train": {"note": "***", "key": ["***"]}},
        "short": {"token": "***", "note": "b"},
    }


def test_what_is_no_secret_stays() -> None:
    value = {"max_length": 3, "token": None, "tokens": "abc", "pad_token": "[PAD]", "path": "token.json"}
    assert hidden(value) == value
    written = f"{yaml.safe_dump(value)}password:\nsecret: ''\napi_key: {{}}  # none\n"
    assert hidden_in_yaml(written) == written


def test_no_file_of_a_run_holds_the_secrets_of_a_recipe(tmp_path: Path) -> None:
    (tmp_path / "vault.py").write_text(VAULT)
    host = PluginHost.discover(files=[str(tmp_path / "vault.py")], environ={})
    recipe = write_recipe(tmp_path, train=24, dev=16, max_steps=2)
    content = json.loads(recipe.read_text())
    for part in content["data"].values():
        part |= {"use": "vault", "token": SECRET}
    post = {"use": "post", "url": f"https://me:{SECRET}@reports.example", "token": SECRET}
    recipe.write_text(yaml.safe_dump(content | {"reporters": [post, {"use": "markdown"}]}))
    out, said = tmp_path / "run", StringIO()
    qatk.run(recipe, out=out, host=host, console=Console(file=said))
    assert f"sent with a token of {len(SECRET)} letters to {len(post['url'])}" in said.getvalue()
    for name in ("recipe.yaml", "recipe.given.yaml"):
        kept = yaml.safe_load((out / name).read_text())
        assert [part["token"] for part in kept["data"].values()] == ["***", "***"]
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) > 8
    assert not [path.name for path in files if SECRET.encode() in path.read_bytes()]
    with pytest.raises(UsageError, match="keeps no secrets, which the reporter 'post' had in its url and token"):
        qatk.report(out, host=host)
    assert qatk.report(out, reporters=["markdown"], host=host) == out
    lost = r"keeps no secrets, which its recipe had in data\.train\.token, data\.dev\.token, reporters\.0\.url, rep"
    with pytest.raises(RunFolderError, match=lost):
        qatk.run(out, out=tmp_path / "again", host=host)
    given = {f"data.{split}.token": SECRET for split in ("train", "dev")} | {"reporters": []}
    again = qatk.run(out, out=tmp_path / "again", host=host, settings=given)
    assert again.evaluation.predictions.text == qatk.load_run(out).evaluation.predictions.text
