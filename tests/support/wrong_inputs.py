"""The files and folders that the catalogue of wrong inputs names: each is wrong in the way that its name says."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from compare_tools import articles, squad_of
from qatk.plugins.host import PluginHost
from wrong_rows import row_files
from wrong_runs import DIGITS, make_runs

WORDS = {"$DIGITS": DIGITS, "$LONG": "x" * 300, "$ESC": "\x1b[2J", "$BYTE": "caf\udce9"}
"""What stands for texts that are too long, or not to be seen, for a table."""

RECIPE = "qatk: 1\nbackbone: {use: tiny}\ndata: {dev: {use: facts, questions: 8}}\n"
DATA = articles(16, 4)
CONTEXT = "It was built in 1905 by the guild."
DEEP = 3000


def make(folder: Path, host: PluginHost) -> None:
    """Write all of them into an empty folder."""
    for name, content in {**_recipes(), **_data(), **row_files(), **_predictions(), **_plugins()}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    (folder / "empty").mkdir()
    make_runs(folder / "runs-made", host)


def _recipes() -> dict[str, str | bytes]:
    """Recipes, all of them wrong but ``good.yaml``."""
    aliases = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10))
    found: dict[str, str | bytes] = {
        "good": RECIPE,
        "empty": "",
        "word": "hello",
        "list": "- qatk: 1\n",
        "tab": "qatk: 1\n\tbackbone: {use: tiny}\n",
        "open": "qatk: 1\nbackbone: {use: tiny\n",
        "binary": b"\x00\x01\x02\xff" * 100,
        "latin": RECIPE.encode() + b"# caf\xe9\n",
        "control": RECIPE + "\x07\n",
        "gz": gzip.compress(RECIPE.encode()),
        "json": '{"data": [',
        "two": RECIPE + "---\nqatk: 1\n",
        "twice": RECIPE + "qatk: 1\n",
        "tag": RECIPE + "seed: !!python/object/apply:os.system ['touch made']\n",
        "own-tag": RECIPE + "seed: !mine 3\n",
        "complex-key": RECIPE + "? [a, b]\n: 1\n",
        "itself": RECIPE + "metrics: &m [*m]\n",
        "no-anchor": RECIPE + "metrics: *gone\n",
        "aliases": "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + aliases + RECIPE,
        "deep-flow": RECIPE + f"metrics: {'[' * DEEP}{']' * DEEP}\n",
        "deep-maps": RECIPE + f"metrics: {'{a: ' * DEEP}1{'}' * DEEP}\n",
        "deep-block": RECIPE + "metrics:\n" + "- " * DEEP + "x\n",
        "digits": RECIPE + f"seed: {WORDS['$DIGITS']}\n",
        "digits-option": RECIPE + f"decoder: {{use: min-null, n_best_size: {WORDS['$DIGITS']}}}\n",
        "escape": RECIPE + '"\\e[2J\\nerror: all is well": 1\n',
        "huge": RECIPE + "# " + "x" * 2_000_000 + "\n",
        "version": RECIPE.replace("qatk: 1", "qatk: 2"),
        "no-version": RECIPE.replace("qatk: 1\n", ""),
        "no-backbone": RECIPE.replace("backbone: {use: tiny}\n", ""),
        "no-data": RECIPE.partition("data:")[0],
        "data-word": RECIPE.partition("data:")[0] + "data: dev.json\n",
        "data-empty": RECIPE.partition("data:")[0] + "data: {}\n",
        "data-split": RECIPE.replace("{dev: ", "{trian: {use: facts}, dev: "),
        "data-name": RECIPE.replace("{dev: ", "{../test: {use: facts}, dev: "),
        "use-list": RECIPE.replace("{use: tiny}", "{use: [tiny]}"),
        "use-none": RECIPE.replace("{use: tiny}", "{layers: 2}"),
        "backbone-word": RECIPE.replace("{use: tiny}", "tiny"),
        "unknown-key": RECIPE + "haed: {use: linear}\n",
        "unknown-option": RECIPE + "decoder: {use: min-null, n_best: 3}\n",
        "metrics-map": RECIPE + "metrics: {use: squad}\n",
        "metrics-none": RECIPE + "metrics: [{use: squad}, null]\n",
        "infinite": RECIPE + "trainer: {use: torch, learning_rate: .inf}\n",
        "nan": RECIPE + "trainer: {use: torch, learning_rate: .nan}\n",
        "facts-many": RECIPE.replace("questions: 8", "questions: 1000000000000"),
        "no-file": RECIPE.replace("use: facts, questions: 8", "use: squad, path: gone.json"),
        "bad-file": RECIPE.replace("use: facts, questions: 8", "use: squad, path: data/cut.json"),
    }
    return {f"recipes/{name}.yaml": content for name, content in found.items()}


def _squad(**question: Any) -> dict[str, Any]:
    """SQuAD JSON of one question, with some of its keys changed; ``None`` leaves one out."""
    qa = {"id": "a", "question": "When?", "answers": [{"text": "1905", "answer_start": 16}], **question}
    qas = [{name: value for name, value in qa.items() if value is not None}]
    return {"version": "v2.0", "data": [{"title": "T", "paragraphs": [{"context": CONTEXT, "qas": qas}]}]}


def _row(**more: Any) -> dict[str, Any]:
    """A row of JSON Lines."""
    return {"id": "a", "question": "When?", "context": CONTEXT, **more}


def _data() -> dict[str, str | bytes]:
    """Data files, all of them wrong but ``good.json``."""
    good = json.dumps(squad_of(DATA))
    packed = gzip.compress(good.encode())
    start = '"answer_start": 16'
    one = json.dumps(_squad())
    found: dict[str, Any] = {
        "good.json": good,
        "empty.json": "",
        "blank.json": " \n\n",
        "word.json": "hello",
        "number.json": "3",
        "null.json": "null",
        "list.json": "[]",
        "object.json": "{}",
        "no-questions.json": '{"data": []}',
        "cut.json": good[:200],
        "cut.json.gz": packed[: len(packed) // 2],
        "damaged.json.gz": packed[:40] + b"\xff" * 40 + packed[80:],
        "bomb.json.gz": gzip.compress(b" " * 300_000_000, 9),
        "lines.json": "\n".join([one, one]),
        "latin.json": one.replace("guild", "caf\xe9").encode("latin-1"),
        "utf16.json": one.encode("utf-16"),
        "zip.json": b"PK\x03\x04" + b"\xff" * 50,
        "parquet.json": b"PAR1" + b"\xff" * 50,
        "binary.json": bytes(range(256)),
        "deep.json": "[" * 100_000 + "]" * 100_000,
        "digits.json": one.replace(start, f'"answer_start": {DIGITS}'),
        "digits-id.json": one.replace('"id": "a"', f'"id": {DIGITS}'),
        "predictions.json": '{"a": "1905"}',
        "odds.json": '{"a": 1.5}',
        "flat.json": json.dumps([{"id": "a", "context": CONTEXT, "question": "When?"}]),
        "article.json": json.dumps(_squad()["data"][0]),
        "articles.json": json.dumps(_squad()["data"]),
        "no-id.json": json.dumps(_squad(id=None)),
        "id-list.json": json.dumps(_squad(id=["a"])),
        "no-question.json": json.dumps(_squad(question=None)),
        "question-number.json": json.dumps(_squad(question=3)),
        "answers-text.json": json.dumps(_squad(answers="1905")),
        "answer-text.json": json.dumps(_squad(answers=["1905"])),
        "start-text.json": one.replace(start, '"answer_start": "16"'),
        "start-fraction.json": one.replace(start, '"answer_start": 16.5'),
        "start-negative.json": one.replace(start, '"answer_start": -16'),
        "start-far.json": one.replace(start, '"answer_start": 1000000'),
        "start-nan.json": one.replace(start, '"answer_start": NaN'),
        "elsewhere.json": one.replace(start, '"answer_start": 3'),
        "answer-empty.json": one.replace('"1905"', '""'),
        "surrogate.json": one.replace('"When?"', r'"Wh\ud800en?"'),
        "surrogate-id.json": one.replace('"id": "a"', r'"id": "a\ud800"'),
        "surrogate-title.json": one.replace('"title": "T"', r'"title": "T\ud800"'),
        "escape.json": one.replace(start, '"answer_start": 3').replace('"id": "a"', r'"id": "\u001b[2J\nerror: well"'),
        "twice.json": json.dumps({"data": _squad()["data"] * 2}),
        "no-gold.json": json.dumps(_squad(answers=None)),
        "some-gold.json": json.dumps({"data": [*_squad()["data"], *_squad(id="b", answers=None)["data"]]}),
        "other.json": json.dumps(_squad(id="b")),
        "blank-id.json": json.dumps(_squad(id=" ")),
        "spans.jsonl": json.dumps(_row(spans=[{"char_start": 3, "char_end": 6}, {"char_start": 16, "char_end": 20}])),
        "large.txt": b"x " * 25_000_000,
        "named.jsonl": json.dumps(_row(is_impossible="no", label="x")),
    }
    return {f"data/{name}": content for name, content in found.items()}


def _predictions() -> dict[str, str | bytes]:
    """Predictions and null odds of ``data/good.json``, all of them wrong but ``good.json`` and ``odds.json``."""
    good: dict[str, Any] = dict.fromkeys(DATA.id, "1905")
    odds: dict[str, Any] = dict.fromkeys(DATA.id, 0.5)
    first = DATA.id[0]
    text = json.dumps(odds)

    def changed(value: Any) -> str:
        return json.dumps({**good, first: value})

    found: dict[str, str | bytes] = {
        "good.json": json.dumps(good),
        "odds.json": text,
        "empty.json": "",
        "list.json": json.dumps(list(good.values())),
        "rows.json": json.dumps([{"id": name, "prediction_text": "1905"} for name in good]),
        "cut.json": json.dumps(good)[:-20],
        "lines.json": "\n".join(json.dumps({name: "1905"}) for name in good),
        "null.json": changed(None),
        "number.json": changed(1905),
        "digits.json": json.dumps(good).replace('"1905"', DIGITS, 1),
        "nested.json": changed({"text": "1905"}),
        "deep.json": '{"a": ' * 100_000 + "1" + "}" * 100_000,
        "twice.json": json.dumps(good)[:-1] + f', "{first}": "1906"}}',
        "cost.jsonl": json.dumps({"id": first, "answer": "1905", "latency": -1}) + "\n",
        "few.json": json.dumps(dict.fromkeys(DATA.id[2:], "1905")),
        "more.json": json.dumps({**good, "more": "1905"}),
        "none.json": "{}",
        "escape.json": json.dumps({**good, "\x1b[2J\nerror: well": "1905"}),
        "surrogate.json": json.dumps({**good, "\ud800": "1905"}),
        "odds-nan.json": text.replace("0.5", "NaN", 1),
        "odds-text.json": text.replace("0.5", '"0.5"', 1),
        "odds-null.json": text.replace("0.5", "null", 1),
        "odds-digits.json": text.replace("0.5", DIGITS, 1),
        "odds-few.json": json.dumps(dict.fromkeys(DATA.id[2:], 0.5)),
        "odds-more.json": json.dumps({**odds, "more": 0.5}),
    }
    return {f"predictions/{name}": content for name, content in found.items()}


def _plugins() -> dict[str, str | bytes]:
    """Plugin files."""
    found = {
        "newer.py": "QATK_API = 99\n",
        "syntax.py": "def qatk_decoders(:\n",
        "raises.py": "raise ValueError('\\x1b[2J\\nerror: all is well')\n",
        "exits.py": "raise SystemExit(0)\n",
        "binary.py": b"\x00\xff\x00",
        "hook.py": "from qatk.api import hookimpl\n\n\n@hookimpl\ndef qatk_decodrs():\n    return []\n",
    }
    return {f"plugins/{name}": content for name, content in found.items()}
