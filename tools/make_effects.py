"""Write docs/results/effects.md: what heads and decoders gain, and what they cost.

At the root, the cores idle: ``python benchmarks/heads.py --json > costs.json``, then
``python tools/make_effects.py RUNS costs.json``. RUNS is the folder with the runs that the page's commands make; the
environment variable ``QATK_SHARED`` names the folder of the SQuAD data.
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

from measured_data import MINI, SET_MINI
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
    f"qatk run examples/squad2_minilm.yaml {MINI} --seed $seed --set trainer.epochs=1 --set head.use=$head "
    "--out runs/$head-seed$seed"
)
AGAIN = (
    f"qatk run examples/squad2_minilm.yaml {MINI} --seed $seed --set data.train=null "
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

This page compares each [head and decoder](../explanation/heads-and-decoders.md) with `linear` and `min-null` on a
subset of SQuAD 2.0: 35 articles for training, and 6 other articles for scoring (2,092 questions, 1,087 with an
answer). **The protocol is small**: six layers of MiniLM (22.6 M parameters), one epoch, three seeds, on a CPU, with
no option of any head or decoder tuned. It shows what to expect of a small model after little training, not which head
is best.

The figures are means over the seeds. The difference in F1 has two 95 % confidence intervals (CI): one goes by the error
between articles and applies to these very models; the other by that over articles and seeds and applies to models
trained again. With six articles both are wide. The verdict is that of [`qatk compare`](../how-to/compare.md), which
requires both. Measured on [DATE] by `python tools/make_effects.py`, each run on one core of [MACHINE]. `QATK_SHARED`
names the folder of the data.

## Heads

```shell
{SET_MINI}
for seed in 0 1 2; do for head in linear conditional biaffine answerability; do
  {TRAIN}
  {CALIBRATE}
done; done
```

With null threshold 0:

[HEADS]

With the threshold calibrated on held-out articles:

[CALIBRATED]

No difference is clear: the seeds of `linear` alone differ by 2.2 points of F1. But the table shows in which direction
each head errs. At threshold 0, `conditional` and `biaffine` abstain more often than `linear`, and `answerability`
less often; with calibrated thresholds all are within about a point of each other.

## Decoders

The models of the runs above are decoded again with windows of 128 tokens that overlap by 48, so that most questions
have several windows. `windows` uses `min-null`:

```shell
for seed in 0 1 2; do head=linear
  {WINDOWS}
  for combine in max mean edge; do
    {MERGE}
  done
done
```

[MERGED]

Ensembles of two seeds, each seed with the next one, against the mean of single seeds:

```shell
for seed in 0 1 2; do head=linear next=$(( (seed + 1) % 3 ))
  for by in probability score; do
    {ENSEMBLE}
  done
done
```

[ENSEMBLES]

`max` changes almost nothing; `mean` and `edge` gain 0.8 F1, all of it on questions without an answer. Ensembles gain
0.8 to 1.0 F1 over the mean of their members, again mostly on questions without an answer. Their three pairs share
members, which the intervals do not account for. All decoders use the same models, so the first interval is the
relevant one here; each one includes 0.

## Exact decoding

The scores of the three `linear` runs were decoded exactly, and by the usual search over the 20 best starts and the 20
best ends (`python benchmarks/exact.py runs/linear-seed0 ...`):

[EXACT]

The usual search missed no best span of these 6,276 questions. Where answers differ, two spans have equal scores,
which happens in bf16, and the two methods break the tie differently. What the usual search does miss is further down
the n-best list: for one question in four, some of the 20 best spans, which an ensemble or a reranker reads.

## Cost

Cost beside `linear` and `min-null`, measured by `python benchmarks/heads.py` on an idle machine: [MACHINE]. Each head
ran with MiniLM on 128 windows of the training data, each decoder on 2,000 questions. `ratio` is the time, or the
memory, as a multiple of the baseline's:

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
    names = ("F1 difference", "95 % CI, articles", "95 % CI, articles and seeds", "verdict")
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
    names = ("best spans missed", "different answers", "of these, ties", "questions with other spans missed")
    return markdown(["", "EM / F1, exact", "EM / F1, 20 x 20", *names], rows)


def costs_of(rows: Sequence[dict[str, Any]]) -> str:
    """Each head and decoder beside the plain one."""
    lines = []
    for row in rows:
        spread = "" if row["least"] == row["most"] else f"{row['least']:.2f} to {row['most']:.2f}"
        place = f"{row['what']}, {row['case']}"
        lines.append([place, *(f"{short(row[name])} {row['unit']}" for name in ("qatk", "reference"))])
        lines[-1] += [f"{row['value']:.2f}", spread]
    return markdown(["", "cost", f"{rows[0]['against']} or min-null", "ratio", "range"], lines)


def short(value: float) -> str:
    """Three digits that matter."""
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; all but the first column are figures."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
