"""What tracking tools are told of a run, each in its own words: figures by name, files, and a run to go on with."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten

from qatk.api import QatkError, RunResult, TrainEvent, UsageError
from qatk.files import first_line, is_there, parse_json, write_json

PLACE = "trackers"
"""The folder in a run folder where trackers keep what they need to go on."""
CURVES = {
    "loss": "train/loss",
    "learning_rate": "train/learning_rate",
    "examples_per_second": "train/examples_per_second",
}


def figures(event: TrainEvent) -> dict[str, float]:
    """The figures of an event by name: ``train/loss`` and the like, ``dev/f1`` and the like, and ``epoch``."""
    if event.kind == "epoch":
        named = {"train/epoch_loss": event.loss, **{f"dev/{name}": value for name, value in event.metrics.items()}}
    else:
        named = {name: getattr(event, column) for column, name in CURVES.items()}
    return _finite({"epoch": event.epoch, **named})


def final_figures(result: RunResult) -> dict[str, float]:
    """The figures of the finished run: ``final/f1``, and ``final/test/f1`` of a set beside ``dev``."""
    named = {f"final/{name}": value for name, value in result.metrics.items()}
    for name, evaluation in result.sets.items():
        named |= {f"final/{name}/{metric}": value for metric, value in evaluation.metrics.items()}
    return _finite(named)


def _finite(named: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in named.items() if math.isfinite(value)}


def name_of(manifest: Mapping[str, object], out_dir: Path) -> str:
    """What a run is called where its options give it no name: as its recipe, else as its folder."""
    return str(manifest.get("name") or out_dir.name)


def configuration(manifest: Mapping[str, object]) -> dict[str, object]:
    """What the run was made of: its recipe, its data and the machine; secrets are hidden already."""
    return {name: manifest[name] for name in ("recipe", "data", "machine", "identity") if name in manifest}


def artefacts(result: RunResult, *, page: bool, model: bool) -> Iterator[tuple[str, Path]]:
    """Kinds and paths of what a tracker should keep, as far as it is there."""
    if result.folder is None:
        return
    names = [
        *(("report", name) for name in ("report.md", "report.html") if page),
        *([("model", "model")] if model else []),
    ]
    for kind, name in names:
        if (result.folder / name).exists():
            yield kind, result.folder / name


def recall(out_dir: Path, tracker: str) -> Mapping[str, str]:
    """What a tracker noted in an earlier execution of this run; nothing where it did not, or it cannot be read."""
    path = out_dir / PLACE / f"{tracker}.json"
    if not is_there(path):
        return {}
    try:
        held = parse_json(path.read_text("utf-8"), path)
    except (QatkError, OSError, UnicodeDecodeError):
        return {}
    return {str(k): str(v) for k, v in held.items()} if isinstance(held, dict) else {}


def remember(out_dir: Path, tracker: str, **noted: str) -> None:
    """Note what a resumed run needs to go on in the same run of the tracker."""
    (out_dir / PLACE).mkdir(exist_ok=True)
    write_json(out_dir / PLACE / f"{tracker}.json", noted)


@contextmanager
def leaving_chance_alone() -> Iterator[None]:
    """Give back the state of Python's generator of random numbers: a run is the same with and without a tracker."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


@contextmanager
def starting(tracker: str, fix: str) -> Iterator[None]:
    """Make one message of whatever keeps a tool from starting: its login, the network, a wrong address.

    Raises:
        UsageError: with the first line of what the tool says.
    """
    try:
        yield
    except QatkError:
        raise
    except Exception as error:
        said = shorten(first_line(error), 300, placeholder=" ...")
        raise UsageError(f"{tracker} cannot start a run: {said}", fix=fix) from error
