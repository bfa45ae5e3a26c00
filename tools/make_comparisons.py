"""Write docs/results/comparisons.md from the commands that it shows.

``python tools/make_comparisons.py [RUNS]``, at the root. RUNS is the folder with the runs of the second comparison,
whose chart Chromium draws; without it, that comparison stays as it was recorded. ``QATK_SHARED`` names the folder of
the SQuAD data.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from make_picture import opened
from measured_data import MINI, SET_MINI
from qatk.cores import usable_cores
from qatk.display import counted
from qatk.run_folder.provenance import processor

PAGE = Path(__file__).parents[1] / "docs" / "results" / "comparisons.md"
CHART = PAGE.with_name("costs.png")
DATA = "$QATK_SHARED/squad2-mini/dev.json.gz"
PARITY = (
    "qatk compare $QATK_SHARED/parity/bidaf-elmo-v2.predictions.json.gz "
    f"$QATK_SHARED/parity/nlnet-v2.predictions.json.gz --data {DATA} --show 0"
)
PLAIN = f"qatk run tools/quality_plain.yaml {MINI} --set keep_best=null --set score_epochs=false"
MPNET = (
    "--set backbone.model=sentence-transformers/all-mpnet-base-v2 --set trainer.frozen_layers=6 "
    "--set trainer.epochs=2 --set trainer.learning_rate=5e-5"
)
RUNS = {"minilm-3": "--set backbone.layers=3", "minilm-6": "", "mpnet": MPNET}
"""The runs of the second comparison, and what their recipes set."""
COMMANDS = [f"{PLAIN} {setting} --out runs/{name}".replace("  ", " ") for name, setting in RUNS.items()]
BACKBONES = f"qatk compare {' '.join(f'runs/{name}' for name in RUNS)} --data {DATA} --show 0 --html compare.html"

MADE = "<!-- made from the runs -->\n"
"""The output of the second comparison follows this mark."""

TEXT = f"""# Two comparisons

This page shows the output of `qatk compare` for real systems on six articles of SQuAD 2.0 (2,092 questions). Each
command is followed by the Markdown that it wrote. `QATK_SHARED` names the folder of the [data](index.md). The page
[Compare systems](../how-to/compare.md) explains the tables. The first comparison was written on {date.today()} by
`python tools/make_comparisons.py`.

## Two published systems

```shell
{PARITY}
```

PARITY

## Three layers of MiniLM, all six, or MPNet

A backbone, half of it, and one five times as large: all-MiniLM-L6-v2, its lower three layers, and all-mpnet-base-v2
with two epochs in place of three, its lower six layers frozen. Each is trained once; then all answer anew, one after
the other, so that their times are of the same day and machine.

```shell
{SET_MINI}
{chr(10).join(COMMANDS)}
{BACKBONES}
```

{MADE}"""


def main() -> None:
    """Write the page."""
    made = backbones(Path(sys.argv[1])) if sys.argv[1:] else PAGE.read_text("utf-8").partition(MADE)[2]
    text = TEXT.replace("\nPARITY\n", f"\n{markdown(PARITY.split()[1:])}\n")
    PAGE.write_text(text + made, encoding="utf-8")


def backbones(folder: Path) -> str:
    """The second comparison; its chart is written beside the page."""
    runs = [str(folder / name) for name in RUNS]
    with tempfile.TemporaryDirectory() as place:
        page = Path(place) / "compare.html"
        text = markdown(["compare", *runs, "--data", DATA, "--show", "0", "--html", str(page)])
        with opened(page) as view:
            view.locator("#chart-costs").screenshot(path=str(CHART))
    text = re.sub(r'"/[^"]*/(all-mpnet-base-v2)"', r'"sentence-transformers/\1"', text)  # wherever it lies here
    chart = f"![F1 against the time of answers]({CHART.name})"
    machine = f"{counted(usable_cores(), 'core')} of {processor()}"
    said = f"Written on {date.today()} by `python tools/make_comparisons.py runs`, on {machine}; "
    return f"{said}the chart is of the HTML page.\n\n{chart}\n\n{text}\n"


def markdown(arguments: list[str]) -> str:
    """What a command writes, its headings a level lower."""
    command = [sys.executable, "-m", "qatk", *map(os.path.expandvars, arguments), "--markdown", "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return text.replace("\n## ", "\n### ").replace("## ", "### ", 1).rstrip()


if __name__ == "__main__":
    main()
