"""Write docs/results/comparisons.md from the commands that it shows.

``python tools/make_comparisons.py [RUNS]``, at the root. RUNS is the folder with the six runs of the second comparison;
without it, that comparison stays as it was recorded. ``QATK_SHARED`` names the folder of the SQuAD data.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

from measured_data import MINI, SET_MINI

PAGE = Path(__file__).parents[1] / "docs" / "results" / "comparisons.md"
PARITY = (
    "qatk compare $QATK_SHARED/parity/bidaf-elmo-v2.predictions.json.gz "
    "$QATK_SHARED/parity/nlnet-v2.predictions.json.gz --data $QATK_SHARED/squad2-mini/dev.json.gz --show 0"
)
RUN = (
    f"qatk run examples/squad2_minilm.yaml {MINI} --seed $seed --set trainer.epochs=1 --set backbone.layers=$layers "
    "--out runs/layers$layers-seed$seed"
)
LAYERS = "qatk compare runs/layers6-seed{0,1,2} runs/layers3-seed{0,1,2} --group-seeds --show 0"

LAYERS_BEGIN = "<!-- layers -->\n"
"""The output of the second comparison follows this mark."""

TEXT = f"""# Two comparisons

This page shows the output of `qatk compare` for real systems on six articles of SQuAD 2.0 (2,092 questions). Each
command is followed by the Markdown that it wrote. `QATK_SHARED` names the folder of the [data](index.md). The page
[Compare systems](../how-to/compare.md) explains the tables. The first comparison was written on {date.today()} by
`python tools/make_comparisons.py`. The second one compares six runs of one training epoch, fewer than the three
epochs of [results.md](results.md), on one core of an Intel Xeon, Python 3.11, torch 2.13.0, with the default options
of that day.

## Two published systems

```shell
{PARITY}
```

PARITY

## All six layers of MiniLM, or the first three

With half the layers, the encoder is nearly twice as fast. The mean F1 over three seeds differs by less than six
articles can detect. But the rows for HasAns and NoAns, and those of each seed, show that the smaller encoder finds
hardly any answers: it abstains. A mean over all questions hides this.

```shell
{SET_MINI}
for layers in 6 3; do for seed in 0 1 2; do
  {RUN}
done; done
{LAYERS}
```

{LAYERS_BEGIN}"""


def main() -> None:
    """Write the page."""
    if len(sys.argv) > 1:
        folder = Path(sys.argv[1])
        runs = [str(folder / f"layers{layers}-seed{seed}") for layers in (6, 3) for seed in (0, 1, 2)]
        made = f"Written on {date.today()} by `python tools/make_comparisons.py runs`."
        layers = f"{made}\n\n{markdown(['compare', *runs, '--group-seeds', '--show', '0'])}\n"
    else:
        layers = PAGE.read_text("utf-8").partition(LAYERS_BEGIN)[2]
    text = TEXT.replace("\nPARITY\n", f"\n{markdown(PARITY.split()[1:])}\n")
    PAGE.write_text(text + layers, encoding="utf-8")


def markdown(arguments: list[str]) -> str:
    """What a command writes, its headings a level lower."""
    command = [sys.executable, "-m", "qatk", *map(os.path.expandvars, arguments), "--markdown", "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return text.replace("\n## ", "\n### ").replace("## ", "### ", 1).rstrip()


if __name__ == "__main__":
    main()
