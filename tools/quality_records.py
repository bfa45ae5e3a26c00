"""What ``tools/make_quality.py`` keeps of each run: what its page needs, small enough to lie beside the page.

The runs take days on processors. Their models are large and stay on a machine. A record of 20 kB has the answer and the
null odds of each question, so that another machine can make the page, and the runs that are missing.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

import qatk
from qatk.api import Examples, QatkError, RunResult
from qatk.calibration.calibrate import calibrate
from qatk.evaluation import threshold_sweep
from qatk.evaluation.answerability import answerability_of
from qatk.files import write_atomically
from qatk.plugins.host import PluginHost
from qatk.results.evaluation import Evaluation
from qatk.run_folder.manifest import read_finished
from quality_runs import Common, Configuration, Part


@dataclass(frozen=True, eq=False)
class Made:
    """A run that came to its end.

    Attributes:
        evaluation: on the data that it was scored on.
        questions: of its training data; 0 where nothing was trained.
        seconds: of training, over all executions of it, for each core that it used; those of a GPU as they are.
        machine: the GPU or the processor that it was trained on.
    """

    evaluation: Evaluation
    questions: int
    seconds: float
    machine: str


@dataclass(frozen=True)
class Records:
    """In ``common.kept``, the records of the runs that were made here and on other machines.

    One counts for as long as the configuration, the recipe and the scored questions are those of which it was made.
    """

    common: Common

    def folder(self, one: Configuration, part: Part) -> Path:
        """Of the run."""
        return self.common.out / one.name / part.name

    def failure(self, one: Configuration, part: Part) -> Path:
        """The file that says why it failed."""
        return self.common.out / one.name / f"{part.name}-failed.txt"

    def told(self, one: Configuration, part: Part) -> Path:
        """The file of what it told of its training questions."""
        return self.common.kept / one.name / f"{part.name}.parquet"

    def get(self, one: Configuration, part: Part) -> Made | None:
        """A finished run, if there is a record of it."""
        place = self._place(one, part)
        if not place.exists() or not part.dev.exists():
            return None
        row = _read(place, place.stat().st_mtime_ns)
        known = row["made_by"] == self._made_by(one, part) and row["dev"] == _digest(part.dev, self.common.limit)
        return _made(place, place.stat().st_mtime_ns, part.dev, self.common.limit) if known else None

    def keep(self, one: Configuration, part: Part) -> bool:
        """Write the record of a run; whether it is finished."""
        if (run := finished(self.folder(one, part))) is None:
            return False
        said, manifest = run.evaluation.predictions, run.manifest
        device, train = manifest["model"]["device"], manifest["data"].get("train", {"questions": 0})
        row = {
            "made_by": self._made_by(one, part),
            "dev": manifest["data"]["dev"]["digest"],
            "questions": train["questions"],
            "seconds": round(sum(stage.seconds for stage in run.stages if stage.name == "train"), 1),
            "cores": _cores(manifest["machine"]["cores"]) if device == "cpu" else 1,
            "machine": device if device != "cpu" else manifest["machine"]["processor"],
            "spans": np.stack([said.char_start, said.char_end], axis=1).tolist(),
            # As text, so that each has as few digits as tell it from the next float32.
            "null_odds": [float(str(odds)) for odds in said.null_odds.astype(np.float32)],
        }
        place = self._place(one, part)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, gzip.compress(json.dumps(row, separators=(",", ":")).encode(), mtime=0))
        return True

    def _place(self, one: Configuration, part: Part) -> Path:
        return self.common.kept / one.name / f"{part.name}.json.gz"

    def _made_by(self, one: Configuration, part: Part) -> dict[str, object]:
        """The recipe, and the words of the command without the folders of this machine."""
        recipe = self.common.recipe
        common = replace(self.common, recipe=Path(recipe.name), out=Path("OUT"), kept=Path("KEPT"))
        words = one.command(part, common)
        plain = [re.sub(r"(?<![\w.}])/(?:[^\s/,\]}]+/)*", "", word) for word in words]
        return {"recipe": yaml.safe_load(recipe.read_text("utf-8")), "words": plain}


def keep_told(source: Path, place: Path) -> None:
    """Keep of what ``qatk predict`` wrote the best spans alone, without their texts, which the data have."""
    table = pq.read_table(source, columns=["id", "null_odds", "candidates"])
    spans = table["candidates"].combine_chunks()
    fields = [pc.struct_field(spans.values, name) for name in ("start", "end", "score")]
    fields[2] = pc.round(fields[2], ndigits=2)
    best = pa.ListArray.from_arrays(spans.offsets, pa.StructArray.from_arrays(fields, ["start", "end", "score"]))
    columns = {"id": table["id"], "null_odds": pc.round(table["null_odds"], ndigits=2), "candidates": best}
    pq.write_table(pa.table(columns), file := BytesIO(), compression="zstd")
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(place, file.getvalue())


def _cores(usable: int) -> int:
    """How many cores a run used, which had the environment of this process."""
    return min(usable, int(os.environ.get("OMP_NUM_THREADS") or usable))


def is_finished(folder: Path) -> bool:
    """Whether the run in a folder came to its end; reads its manifest alone."""
    try:
        return read_finished(folder) is not None
    except QatkError:
        return False


def finished(folder: Path) -> RunResult | None:
    """The run in a folder, if it came to its end."""
    try:
        return qatk.load_run(folder) if (folder / "manifest.json").exists() else None
    except QatkError:
        return None


def read_squad(path: Path) -> Examples:
    """The examples of a SQuAD file."""
    examples: Examples = PluginHost.discover().build("dataset", "squad", {"path": str(path)}).load()
    return examples


@cache
def _dev(path: Path, limit: int | None) -> Examples:
    examples = read_squad(path)
    return examples if limit is None else examples.take(range(min(limit, len(examples))))


@cache
def _digest(path: Path, limit: int | None) -> str:
    return _dev(path, limit).digest()


@cache
def _read(place: Path, changed: int) -> Mapping[str, Any]:
    row: Mapping[str, Any] = json.loads(gzip.decompress(place.read_bytes()))
    return row


@cache
def _made(place: Path, changed: int, dev: Path, limit: int | None) -> Made:
    row, examples = _read(place, changed), _dev(dev, limit)
    ids = examples.id
    texts = [examples.context_of(k)[max(low, 0) : max(high, 0)] for k, (low, high) in enumerate(row["spans"])]
    odds = None if np.isnan(row["null_odds"]).any() else dict(zip(ids, row["null_odds"], strict=True))
    evaluation = qatk.evaluate(examples, dict(zip(ids, texts, strict=True)), null_odds=odds)
    return Made(evaluation, row["questions"], row["seconds"] * row["cores"], row["machine"])


@cache
def at_best(made: Made) -> float:
    """F1 with the threshold that is best on these very questions; NaN without null odds.

    It ranks runs on training articles. There, a third of SQuAD 2.0's articles have no unanswerable question, so that a
    threshold of some articles says little of others.
    """
    if np.isnan(made.evaluation.predictions.null_odds).any():
        return float("nan")
    sweep = threshold_sweep(made.evaluation)
    return float(sweep.f1[sweep.best_f1])


@cache
def held_out(made: Made) -> float:
    """F1 with thresholds of other articles; NaN where none can be fitted."""
    evaluation = made.evaluation
    try:
        found = calibrate(evaluation.examples, evaluation.predictions, evaluation.normalisation)
    except QatkError:
        return float("nan")
    return float(np.mean([each.f1 for each in found.splits]))


@cache
def area(made: Made) -> float:
    """The area under the ROC curve of the null odds; NaN where it is unknown."""
    told = answerability_of(made.evaluation)
    return float("nan") if told is None else told.roc_auc
