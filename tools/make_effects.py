"""Write docs/results/effects.md: what heads and decoders gain, and what they cost.

At the root, the cores idle: ``python benchmarks/heads.py --json > costs.json``, then
``python tools/make_effects.py RUNS costs.json``. RUNS is the folder with the runs that the page's commands make; the
SQuAD data must lie beside the project.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from qatk.comparison.compare import compare_systems
from qatk.comparison.systems import read_systems
from qatk.results.comparison import Difference, System

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "results" / "effects.md"
SEEDS = (0, 1, 2)
HEADS = ("linear", "conditional", "biaffine", "answerability")
MERGED = ("windows", "merge-max", "merge-mean", "merge-edge")
ENSEMBLES = ("linear", "ensemble-probability", "ensemble-score")

TRAIN = (
    "qatk run examples/squad2_minilm.yaml --seed $seed --set trainer.epochs=1 --set head.use=$head "
    "--out runs/$head-seed$seed"
)
AGAIN = (
    "qatk run examples/squad2_minilm.yaml --seed $seed --set data.train=null "
    "--set backbone.model=runs/$head-seed$seed/model"
)
CALIBRATE = (
    f"{AGAIN} --set head.use=$head --set decoder.null_threshold=calibrated --out runs/calibrated-$head-seed$seed"
)
NARROW = "--set featurizer.max_length=128 --set featurizer.doc_stride=48"
WINDOWS = f"{AGAIN} {NARROW} --out runs/windows-seed$seed"
MERGE = (
    f"{AGAIN} {NARROW} --set decoder.use=merge-windows "
    "--set decoder.combine=$combine --out runs/merge-$combine-seed$seed"
)
ENSEMBLE = (
    f"{AGAIN} --set decoder.use=ensemble --set decoder.runs=[runs/linear-seed$next] --set decoder.by=$by "
    "--out runs/ensemble-$by-seed$seed"
)

TEXT = f"""# What heads and decoders gain

Each [head and decoder](heads-and-decoders.md) beside `linear` and `min-null`, on 35 articles of SQuAD v2 for training
and 6 others (2,092 questions, 1,087 with an answer) for scoring. **This is a small protocol**: six layers of MiniLM
(22.6 M parameters), one epoch, three seeds, on a CPU, with no option of any head or decoder tuned. It says what to
expect of a small model after little training, and not which head is best.

Figures are means over the seeds. Of the difference in F1 there are two 95 % intervals: one of articles drawn anew, for
these very models; and one of articles and seeds drawn anew, for models trained again. With six articles both are
wide. The verdict is that of [comparing](compare.md), which asks for both. Made on [DATE] by
`python tools/make_effects.py`, the runs on one core each of [MACHINE].

## Heads

```shell
for seed in 0 1 2; do for head in linear conditional biaffine answerability; do
  {TRAIN}
  {CALIBRATE}
done; done
```

At null threshold 0:

[HEADS]

With the threshold calibrated on held-out articles:

[CALIBRATED]

No difference is clear: the seeds of `linear` alone differ by 2.2 points of F1. What the table does show is which way
each head errs.
At threshold 0, `conditional` and `biaffine` abstain more than `linear`, and `answerability` less; with calibrated
thresholds all are within a point or so.

## Decoders

Windows of 128 tokens that overlap by 48, so that most questions have several; the models are those of the runs above,
decoded again. `windows` is `min-null`:

```shell
for seed in 0 1 2; do head=linear
  {WINDOWS}
  for combine in max mean edge; do
    {MERGE}
  done
done
```

[MERGED]

Two seeds together, each with the next, against the mean of single ones:

```shell
for seed in 0 1 2; do head=linear next=$(( (seed + 1) % 3 ))
  for by in probability score; do
    {ENSEMBLE}
  done
done
```

[ENSEMBLES]

`max` changes next to nothing; `mean` and `edge` gain 0.8 F1, all of it on questions without an answer. Ensembles gain
0.8 to 1.0 over the mean of their members, most of it there too; their three pairs share members, which no interval
knows. Decoders share the models, so the first interval is the one to read here; it leaves 0 possible each time.

## Exact decoding

The scores of the three `linear` runs, decoded exactly and by the usual search among the 20 best starts and the 20
best ends (`python benchmarks/exact.py runs/linear-seed0 ...`):

[EXACT]

The usual search missed no best span of these 6,276 questions. Where answers differ, two spans have equal scores, which
happens in bf16, and ties go by another rule. What it misses is further down: others of the 20 best spans for one
question in four, which is what an ensemble or a reranker reads.

## Cost

Beside `linear` and `min-null`, by `python benchmarks/heads.py` on an idle machine, [MACHINE]; each head with MiniLM
on 128 windows of the training data, each decoder on 2,000 questions. `times` is how many times as long, or as much:

[COSTS]
"""


def main() -> None:
    """Write the page."""
    runs, costs = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text("utf-8"))
    parts = {
        "HEADS": table(runs, HEADS),
        "CALIBRATED": table(runs, [f"calibrated-{head}" for head in HEADS]),
        "MERGED": table(runs, MERGED),
        "ENSEMBLES": table(runs, ENSEMBLES),
        "EXACT": exact(runs),
        "COSTS": costs_of(costs["rows"]),
        "MACHINE": "{cpu}, {cores} cores, Python {python}, torch {packages[torch]}".format_map(costs),
        "DATE": str(date.today()),
    }
    text = TEXT
    for name, part in parts.items():
        text = text.replace(f"[{name}]", part)
    PAGE.write_text(text, encoding="utf-8")


def table(runs: Path, names: Sequence[str]) -> str:
    """Systems of three seeds each; the first is the baseline."""
    folders = [runs / f"{name}-seed{seed}" for name in names for seed in SEEDS]
    systems = read_systems(folders, names=[name for name in names for _ in SEEDS], nbest=False)
    pairs = {pair.other: pair.differences for pair in compare_systems(systems).pairs}
    rows = [[system.name, *figures(system), *difference(pairs.get(k, ()))] for k, system in enumerate(systems)]
    names = ("F1, difference", "articles drawn", "articles and seeds drawn", "verdict")
    return markdown(["", "EM", "F1", "HasAns F1", "NoAns F1", *names], rows)


def figures(system: System) -> list[str]:
    """Means over the seeds."""
    metrics = [evaluation.metrics for evaluation in system.evaluations]
    return [f"{sum(m[name] for m in metrics) / len(metrics):.1f}" for name in ("exact", "f1", "HasAns_f1", "NoAns_f1")]


def difference(differences: Iterable[Difference]) -> list[str]:
    """Of F1 over all questions, with both intervals."""
    found = next((d for d in differences if (d.metric, d.group) == ("f1", "all")), None)
    if found is None or found.two_way is None:
        return ["", "", "", ""]
    intervals = [f"{low:+.2f} to {high:+.2f}" for low, high in (found.by_cluster, found.two_way)]
    return [f"{found.difference:+.2f}", *intervals, found.verdict]


def exact(runs: Path) -> str:
    """Both ways to decode the scores of the linear runs."""
    command = [sys.executable, "benchmarks/exact.py", *(str(runs / f"linear-seed{seed}") for seed in SEEDS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    rows = [
        [
            f"seed {seed}",
            f"{row['exact']:.2f} / {row['f1']:.2f}",
            f"{row['pruned_exact']:.2f} / {row['pruned_f1']:.2f}",
            *(f"{row[name]:,}" for name in ("best_spans", "answers", "ties", "nbest")),
        ]
        for seed, row in zip(SEEDS, json.loads(done.stdout), strict=True)
    ]
    names = ("best spans missed", "other answers", "of these ties", "others of the 20 best missed")
    return markdown(["", "EM / F1, exact", "EM / F1, 20 x 20", *names], rows)


def costs_of(rows: Sequence[dict[str, Any]]) -> str:
    """Each head and decoder beside the plain one."""
    lines = []
    for row in rows:
        spread = "" if row["least"] == row["most"] else f"{row['least']:.2f} to {row['most']:.2f}"
        place = f"{row['what']}, {row['case']}"
        lines.append([place, *(f"{short(row[name])} {row['unit']}" for name in ("qatk", "reference"))])
        lines[-1] += [f"{row['value']:.2f}", spread]
    return markdown(["", "it", f"{rows[0]['against']} or min-null", "times", "least to most"], lines)


def short(value: float) -> str:
    """Three digits that matter."""
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; all but the first column are figures."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
