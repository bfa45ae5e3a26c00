"""Try the configurations of ``tools/quality.yaml``, and write ``docs/results/quality.md`` from their runs.

``python tools/make_quality.py OUT --train TRAIN`` cross-validates: the articles of the training data are divided into
folds, and each configuration is trained without a fold and scored on it. ``--final NAME,NAME --dev DEV`` trains what
was chosen so on all training data, and scores it on data that chose nothing. Runs lie in OUT/NAME/PART; those that are
there are not made again, and one that was interrupted goes on. ``--only`` and ``--folds`` screen; ``--page FILE``
writes elsewhere, and ``--limit N`` uses few questions, to try the script.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import qatk
from qatk.api import Examples, QatkError, RunResult
from qatk.calibration.calibrate import calibrate
from qatk.data import save, split
from qatk.evaluation.answerability import answerability_of
from qatk.plugins.host import PluginHost
from qatk.statistics.intervals import mean_interval

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "results" / "quality.md"
FAILED = "failed.txt"
TEXT = """# What each lever gains

Made on {date} by `python tools/make_quality.py OUT --train {train}` from the runs of `tools/quality.yaml`, all of which
are listed, also those that did not help. [Better answers](../how-to/better-answers.md) explains the levers. Figures are
in per cent. *Held-out F1* has a null threshold that was fitted on other articles of the same data; *AUC* is that of the
null odds; *minutes* are those of training.

## By cross-validation

{folds} folds of the training articles: each model is scored on articles that it was not trained on, and each fold has a
seed of its own. The difference is that of F1 to `{base}`, question by question, with a 95 % confidence interval (CI) by
article, which does not cover other seeds. The data that a chosen configuration is reported on take no part.
"""


@dataclass(frozen=True)
class Part:
    """Data that a configuration is trained and scored on: a fold, or all training data with a seed."""

    name: str
    train: Path
    dev: Path
    seed: int


@dataclass(frozen=True)
class Configuration:
    """A line of the table: what is tried, by settings of the recipe, ways to augment, and how many questions."""

    name: str
    what: str
    settings: Sequence[str] = ()
    augment: Mapping[str, object] | None = None
    questions: int | None = None

    @classmethod
    def of(cls, name: str, given: Mapping[str, Any]) -> Configuration:
        """As the table has it."""
        return cls(name, given["what"], given.get("set", ()), given.get("augment"), given.get("questions"))

    def command(self, recipe: Path, part: Part, out: Path, limit: int | None) -> list[str]:
        """``qatk run`` for a part."""
        data: dict[str, object] = {"use": "squad", "path": str(part.train)}
        if self.questions is not None:
            data = {"use": "mix", "sets": {"train": data}, "questions": self.questions}
        if self.augment:
            data = {"use": "augment", "set": data, **self.augment}
        chosen = [each.replace("{runs}", str(out)).replace("{part}", part.name) for each in self.settings]
        settings = [f"data.train={_flow(data)}", f"data.dev={_flow({'use': 'squad', 'path': str(part.dev)})}", *chosen]
        folder = out / self.name / part.name
        resume = ["--resume"] if (folder / "manifest.json").exists() else []
        few = [] if limit is None else ["--limit", str(limit)]
        words = ["run", str(recipe), "--seed", str(part.seed), "--out", str(folder), *resume, *few]
        return [*words, *(word for each in settings for word in ("--set", each))]


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the runs that are missing, then the page."""
    options = _options().parse_args(arguments)
    table = yaml.safe_load(options.table.read_text("utf-8"))
    every = {name: Configuration.of(name, given) for name, given in table["configurations"].items()}
    names = list(every) if options.only is None else options.only.split(",")
    final = [] if options.final is None else options.final.split(",")
    if unknown := [name for name in (*names, *final) if name not in every]:
        sys.exit(f"{options.table} has no configuration {unknown[0]!r}; it has {', '.join(every)}")
    if final and options.dev is None:
        sys.exit("--final needs --dev: data that chose nothing")
    folds, whole = _folds(options), _whole(options) if final else []
    recipe = ROOT / table["recipe"] if options.recipe is None else options.recipe
    for chosen, parts in ((names, folds), (final, whole)):
        for name in chosen:
            for part in parts:
                make(every[name], recipe, part, options.out, options.limit)
    options.page.write_text(page(options, every, names, folds, final, whole), encoding="utf-8")


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=lambda text: Path(text).resolve())
    parser.add_argument("--train", type=lambda text: Path(text).resolve(), required=True)
    parser.add_argument("--dev", type=lambda text: Path(text).resolve())
    parser.add_argument("--table", type=Path, default=ROOT / "tools" / "quality.yaml")
    parser.add_argument("--recipe", type=Path)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[0, 1, 2])
    parser.add_argument("--only")
    parser.add_argument("--final")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--page", type=Path, default=PAGE)
    return parser


def _folds(options: argparse.Namespace) -> list[Part]:
    """The folds, by article; each is written once."""
    examples: Examples = PluginHost.discover().build("dataset", "squad", {"path": str(options.train)}).load()
    names = [f"fold{number}" for number in range(options.folds)]
    rows = split(examples, shares=dict.fromkeys(names, 1 / options.folds), seed=0, stratify=True).rows
    parts = []
    for seed, name in enumerate(names):
        folder = options.out / f"data-{options.folds}" / name
        others = np.sort(np.concatenate([rows[other] for other in names if other != name]))
        for file, kept in (("train.json.gz", others), ("dev.json.gz", rows[name])):
            if not (folder / file).exists():
                folder.mkdir(parents=True, exist_ok=True)
                save(examples.take(kept), folder / file)
        parts.append(Part(name, folder / "train.json.gz", folder / "dev.json.gz", seed))
    return parts


def _whole(options: argparse.Namespace) -> list[Part]:
    return [Part(f"seed{seed}", options.train, options.dev, seed) for seed in options.seeds]


def make(configuration: Configuration, recipe: Path, part: Part, out: Path, limit: int | None) -> None:
    """Make one run, unless it is there; why it failed is kept beside it, and the next start tries again."""
    folder = out / configuration.name / part.name
    if finished(folder) is not None:
        return
    print(f"{configuration.name} {part.name}", flush=True)
    command = [sys.executable, "-m", "qatk", *configuration.command(recipe, part, out, limit)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    failed = folder.with_name(f"{part.name}-{FAILED}")
    if done.returncode == 0:
        failed.unlink(missing_ok=True)
        return
    failed.parent.mkdir(parents=True, exist_ok=True)
    why = done.stderr.rpartition("error: ")[2].strip() or f"exit code {done.returncode}"
    failed.write_text(why.splitlines()[0] + "\n", encoding="utf-8")
    print(f"  failed: {why}", flush=True)


def finished(folder: Path) -> RunResult | None:
    """The run in a folder, if it came to its end."""
    try:
        return qatk.load_run(folder)
    except QatkError:
        return None


def page(
    options: argparse.Namespace,
    every: Mapping[str, Configuration],
    names: Sequence[str],
    folds: Sequence[Part],
    final: Sequence[str],
    whole: Sequence[Part],
) -> str:
    """The text of the page."""
    words = {"date": date.today(), "train": options.train.name, "folds": len(folds), "base": names[0]}
    lines = [TEXT.format_map(words), *rows_of(every, names, folds, options.out)]
    if final:
        lines += [
            "",
            "## On data that chose nothing",
            "",
            f"Trained on all training articles with {len(whole)} seeds.",
            "",
        ]
        lines += rows_of(every, final, whole, options.out)
    lines += ["", "## The configurations", ""]
    for name in dict.fromkeys([*names, *final]):
        one = every[name]
        ways = [f"augment {_flow(one.augment)}"] if one.augment else []
        few = [f"{one.questions:,} questions"] if one.questions else []
        options_of_it = ", ".join(f"`{each}`" for each in (*one.settings, *ways, *few))
        lines.append(f"- `{name}`: {one.what} ({options_of_it or 'no option'})")
    return "\n".join(lines) + "\n"


def rows_of(every: Mapping[str, Configuration], names: Sequence[str], parts: Sequence[Part], out: Path) -> list[str]:
    """The table of some configurations."""
    head = [
        "",
        "runs",
        "EM",
        "F1",
        "HasAns F1",
        "NoAns F1",
        "held-out F1",
        "AUC",
        "F1 difference",
        "95 % CI",
        "minutes",
    ]
    lines = [f"| {' | '.join(head)} |", f"| --- |{' --: |' * (len(head) - 1)}"]
    base: dict[str, RunResult] = {}
    for name in names:
        found = {part.name: run for part in parts if (run := finished(out / name / part.name)) is not None}
        base = base or found
        if not found:
            file = next((f for p in parts if (f := out / name / f"{p.name}-{FAILED}").exists()), None)
            why = "not made" if file is None else file.read_text("utf-8").strip()
            lines.append(f"| `{name}` | 0 | {why} |{' |' * (len(head) - 3)}")
            continue
        cells = (*figures(list(found.values())), *gain(found, base), minutes(found))
        lines.append(f"| `{name}` | {len(found)} | {' | '.join(cells)} |")
    return lines


def figures(runs: Sequence[RunResult]) -> list[str]:
    """Means over all questions of all runs; of thresholds and areas, over runs."""
    one = {name: np.concatenate([run.evaluation.per_question[name] for run in runs]) for name in ("exact", "f1")}
    answered = np.concatenate([run.evaluation.examples.has_answer for run in runs])
    means = [one["exact"], one["f1"], one["f1"][answered], one["f1"][~answered]]
    held, area = zip(*map(fitted, runs), strict=True)
    percents = [100 * float(values.mean()) if len(values) else float("nan") for values in means]
    return [*(f"{value:.1f}" for value in (*percents, np.mean(held))), f"{np.mean(area):.3f}"]


def fitted(run: RunResult) -> tuple[float, float]:
    """F1 with thresholds of other articles, and the area under the ROC curve of the null odds; NaN where unknown."""
    evaluation = run.evaluation
    try:
        found = calibrate(evaluation.examples, evaluation.predictions, evaluation.normalisation)
    except QatkError:
        return float("nan"), float("nan")
    told = answerability_of(evaluation)
    return float(np.mean([each.f1 for each in found.splits])), float("nan") if told is None else told.roc_auc


def gain(found: Mapping[str, RunResult], base: Mapping[str, RunResult]) -> list[str]:
    """The difference to the base on the parts that both have, and its interval by article."""
    shared = [name for name in found if name in base]
    if not shared or all(found[name] is base[name] for name in shared):
        return ["", ""]
    differences, clusters, before = [], [], 0
    for name in shared:
        ours, theirs = found[name].evaluation, base[name].evaluation
        place = {each: row for row, each in enumerate(theirs.examples.id)}
        rows = np.array([place[each] for each in ours.examples.id])
        differences.append(ours.per_question["f1"] - theirs.per_question["f1"][rows])
        clusters.append(ours.clusters.index + before)
        before += int(ours.clusters.index.max()) + 1
    every = np.concatenate(differences)
    # One value below 0, as differences may be: the interval is then the mean and a multiple of its error.
    low, high = mean_interval(every, np.concatenate(clusters)) if every.min() < 0 else (float("nan"), float("nan"))
    return [f"{100 * every.mean():+.2f}", f"{low:+.2f} to {high:+.2f}"]


def minutes(found: Mapping[str, RunResult]) -> str:
    """The mean time of training."""
    each = [stage.seconds for run in found.values() for stage in run.stages if stage.name == "train"]
    return f"{np.mean(each) / 60:.1f}" if each else ""


def _flow(value: Any) -> str:
    """YAML in a line, as ``--set`` reads it."""
    return yaml.safe_dump(value, default_flow_style=True, width=10**9, sort_keys=False).strip()


if __name__ == "__main__":
    main()
