"""A small data set for end-to-end runs: one fact a passage, learnt by a tiny encoder in seconds."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

PLACES = ["Arlen", "Borsk", "Cadiz", "Delft", "Essen", "Fargo", "Gouda", "Halle"]
THINGS = ["mill", "bell", "gate", "tower", "bridge", "market"]
VAULT = '''
from qatk.api import Component, Options, hookimpl
from qatk_builtin.datasets import SquadOptions
from qatk_builtin.datasets.squad import SquadDataset


class VaultOptions(SquadOptions):
    """Options of a dataset that asks who is there."""

    token: str


class PostOptions(Options):
    """Options of a reporter that tells somebody."""

    url: str
    token: str = ""


class Post:
    """A reporter that needs a secret."""

    def __init__(self, options):
        self.options = options

    def report(self, result, folder, console):
        console.print(f"sent with a token of {len(self.options.token)} letters to {len(self.options.url)}")


@hookimpl
def qatk_datasets():
    return [Component("vault", SquadDataset, VaultOptions, "reads with a token")]


@hookimpl
def qatk_reporters():
    return [Component("post", Post, PostOptions, "sends a report")]
'''
"""A plugin with a dataset and a reporter that need secrets."""


def squad(questions: int, seed: int) -> dict[str, Any]:
    """SQuAD v2 JSON: when was a thing in a place built? One question in four asks of another thing."""
    rng = random.Random(seed)
    paragraphs = []
    for i in range(questions):
        place, thing, other = rng.choice(PLACES), *rng.sample(THINGS, 2)
        year = str(rng.randrange(1200, 1990))
        context = f"The {thing} of {place} is old. It was built in {year} by the guild."
        asked = other if i % 4 == 0 else thing
        answers = [] if asked == other else [{"text": year, "answer_start": context.index(year)}]
        qa = {"id": f"{seed}-{i}", "question": f"When was the {asked} of {place} built?", "answers": answers}
        paragraphs.append({"context": context, "qas": [qa | {"is_impossible": not answers}]})
    return {"version": "v2.0", "data": [{"title": "Guilds", "paragraphs": paragraphs}]}


def write_recipe(folder: Path, *, train: int = 160, dev: int = 48, **trainer: Any) -> Path:
    """Data files and a recipe that trains ``tiny`` on them; returns the recipe's path."""
    for name, size, seed in (("train", train, 1), ("dev", dev, 2)):
        (folder / f"{name}.json").write_text(json.dumps(squad(size, seed)))
    options = {"use": "torch", "learning_rate": 2e-3, "epochs": 2, "batch_size": 16, "log_every": 5, **trainer}
    recipe = {
        "qatk": 1,
        "backbone": {"use": "tiny", "vocab_size": 400, "hidden_size": 32, "layers": 1, "max_length": 64},
        "data": {name: {"use": "squad", "path": str(folder / f"{name}.json")} for name in ("train", "dev")},
        "featurizer": {"use": "stride", "max_length": 48, "doc_stride": 4},
        "trainer": options,
    }
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    return folder / "recipe.yaml"
