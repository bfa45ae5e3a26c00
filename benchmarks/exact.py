"""What exact decoding changes beside the 20 x 20 search, on the scores of finished runs.

Run: python benchmarks/exact.py RUN ...; the model of each answers its dev questions again, and both ways decode the
same scores.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import reference_decoding
from decoding import shorter
from reference_decoding import Windows

from qatk.evaluation.squad import exact_and_f1, percent
from qatk.plugins.host import PluginHost
from qatk.recipes.compose import compose
from qatk.recipes.recipe import load_recipe


@dataclass(frozen=True)
class Found:
    """Of one run.

    Attributes:
        run: its folder's name.
        questions: of its dev data.
        exact, f1: in per cent, by exact decoding; ``pruned_exact``, ``pruned_f1`` by the 20 x 20 search.
        answers: questions that the two answer differently; ``ties`` of these between spans of equal score.
        best_spans: questions whose best span the search missed.
        nbest: questions with others of the 20 best spans that it missed.
    """

    run: str
    questions: int
    exact: float
    f1: float
    pruned_exact: float
    pruned_f1: float
    answers: int
    ties: int
    best_spans: int
    nbest: int


def measure(run: Path, host: PluginHost) -> Found:
    """Decode the scores of a run's model both ways."""
    settings = ["data.train=null", f"backbone.model={run / 'model'}", "decoder={use: min-null}"]
    parts = compose(load_recipe(run / "recipe.yaml", host, settings), host)
    examples, trainer = parts.dev.load(), parts.trainer
    features = parts.featurizer.featurize(examples, *parts.backbone.prepare(None), split="dev")
    scores = trainer.predict(trainer.assemble(parts.backbone, parts.head, seed=0), features)
    ours = parts.decoder.decode(examples, features, scores)
    theirs = reference_decoding.decode_objects(Windows.of(examples, features, scores))
    answers = [row["answer"] for row in theirs]
    figures = [percent(column) for texts in (ours.text, answers) for column in exact_and_f1(examples, texts)]
    differ = [row for row, answer in enumerate(answers) if ours.text[row] != answer]
    gains = [float(score) - float(their["spans"][0]["score"]) for score, their in zip(ours.score, theirs, strict=True)]
    return Found(
        run.name,
        len(examples),
        *figures,
        answers=len(differ),
        ties=sum(gains[row] == 0 for row in differ),
        best_spans=sum(gain > 0 for gain in gains),
        nbest=sum(shorter(ours, row, their["spans"]) for row, their in enumerate(theirs)),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    found = PluginHost.discover()
    print(json.dumps([asdict(measure(run, found)) for run in parser.parse_args().runs], indent=1))
