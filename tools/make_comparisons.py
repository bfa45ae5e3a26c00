"""Write docs/results/comparisons.md from the commands that it shows.

``python tools/make_comparisons.py [RUNS]``, at the root. RUNS is the folder with the six runs of the second comparison;
without it, that comparison stays as it was recorded. The SQuAD data must lie beside the project.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "results" / "comparisons.md"
PARITY = (
    "qatk compare ../shared/data/parity/bidaf-elmo-v2.predictions.json.gz "
    "../shared/data/parity/nlnet-v2.predictions.json.gz --data ../shared/data/squad2-mini/dev.json.gz --show 0"
)
RUN = (
    "qatk run examples/squad2_minilm.yaml --seed $seed --set trainer.epochs=1 --set backbone.layers=$layers "
    "--out runs/layers$layers-seed$seed"
)
LAYERS = "qatk compare runs/layers6-seed{0,1,2} runs/layers3-seed{0,1,2} --group-seeds --show 0"

LAYERS_BEGIN = "<!-- layers -->\n"
"""Below it stands the output of the second comparison, with what made it."""

TEXT = f"""# Two comparisons

This page shows the output of `qatk compare` for real systems on the six articles of `squad2-mini/dev` (2,092
questions, SQuAD v2): each command is followed by the Markdown that it wrote. [Compare systems](../how-to/compare.md)
explains it. The first was written on {date.today()} by `python tools/make_comparisons.py`. The second is of one epoch
of training only, less than the three of [results.md](results.md): six runs on one core of an Intel Xeon, Python 3.11,
torch 2.13.0, with the defaults of the day.

## Two published systems

```shell
{PARITY}
```

PARITY

## All six layers of MiniLM, or the first three

Half the layers run nearly twice as fast. The means over three seeds of F1 differ by less than six articles can detect;
but the rows for HasAns and NoAns, and those of each seed, show that the smaller encoder finds hardly any answers: it
abstains. A mean over all questions would hide this.

```shell
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
    command = [sys.executable, "-m", "qatk", *arguments, "--markdown", "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return text.replace("\n## ", "\n### ").replace("## ", "### ", 1).rstrip()


if __name__ == "__main__":
    main()
