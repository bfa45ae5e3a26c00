"""Runtimes and precisions of one model, on CPU. Run: python benchmarks/runtimes.py RUN [--data DATA] [--questions N].

Each variant answers the same questions, in rounds that alternate, so that a busy machine slows all alike; the best
round counts, by the processor's time too. EM and F1 are those of the data, by default the mini dev set; "fitted" is F1
with the null threshold fitted on other articles, since quantisation moves the null odds.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
from shared_data import SHARED

import qatk
from qatk.calibration.calibrate import calibrate
from qatk.evaluation.evaluate import evaluate_examples, read_data
from qatk.evaluation.prediction_files import official_form
from qatk.inference.exporting import export
from qatk.inference.model import AnsweringModel
from qatk.types import Examples

EXPORTS = {
    "onnx fp32": ("onnx", "fp32", {}),
    "onnx int8 dynamic": ("onnx", "int8", {"quantization": "dynamic"}),
    "onnx int8 static": ("onnx", "int8", {"quantization": "static"}),
    "openvino fp32": ("openvino", "fp32", {}),
    "openvino int8": ("openvino", "int8", {}),
}
CHECKED = 160
"""Questions of the data that exporters get, and that exports are checked on."""


def variants(run: str, folder: Path, data: Examples) -> dict[str, AnsweringModel]:
    """The model with each runtime and precision."""
    found = {f"torch {precision}": qatk.load_model(run, runtime=f"torch:{precision}") for precision in ("fp32", "bf16")}
    for name, (to, precision, settings) in EXPORTS.items():
        place = folder / name.replace(" ", "-")
        export(run, to, place, precision=precision, settings=settings, data=data.take(np.arange(CHECKED)))
        found[name] = qatk.load_model(place)
    return found


def measure(models: dict[str, AnsweringModel], asked: Examples, rounds: int) -> dict[str, dict[str, float]]:
    """Questions per second of each, by the clock and by the processor's time: the best of some rounds."""
    best = {name: [np.inf, np.inf] for name in models}
    for _ in range(rounds):
        for name, model in models.items():
            began, spent = time.perf_counter(), time.process_time()
            model.predict(asked)
            took = (time.perf_counter() - began, time.process_time() - spent)
            best[name] = [min(pair) for pair in zip(best[name], took, strict=True)]
    return {name: {"per_second": len(asked) / a, "per_cpu_second": len(asked) / b} for name, (a, b) in best.items()}


def scores(model: AnsweringModel, data: Examples) -> dict[str, float]:
    """EM and F1 on the data, and F1 with a threshold that was fitted on other articles, the mean over their halves."""
    predictions = model.predict(data)
    metrics = evaluate_examples(data, official_form(data.id, predictions)).metrics
    fitted = calibrate(data, predictions).held_out["f1"]["mean"]
    return {"exact": metrics["exact"], "f1": metrics["f1"], "fitted": fitted}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--data", default=str(SHARED / "squad2-mini" / "dev.json.gz"))
    parser.add_argument("--questions", type=int, default=128, help="asked in a round")
    parser.add_argument("--scored", type=int, default=None, help="only so many questions are scored")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    data = read_data(given.data)
    few = data.take(np.sort(np.random.default_rng(13).permutation(len(data))[: given.questions]))
    with TemporaryDirectory() as folder:
        models = variants(given.run, Path(folder), data)
        speed = measure(models, few, given.rounds)
        scored = data if given.scored is None else data.take(np.arange(min(given.scored, len(data))))
        found = {name: {**speed[name], **scores(model, scored)} for name, model in models.items()}
    fastest = max(found[f"torch {precision}"]["per_second"] for precision in ("fp32", "bf16"))
    print(f"{'':20s}{'questions/s':>12s}{'per CPU s':>11s}{'to torch':>10s}{'EM':>8s}{'F1':>8s}{'fitted':>8s}")
    for name, row in found.items():
        times = f"{row['per_second'] / fastest:.2f}x"
        figures = f"{row['per_second']:12.1f}{row['per_cpu_second']:11.1f}{times:>10s}"
        print(f"{name:20s}{figures}{row['exact']:8.2f}{row['f1']:8.2f}{row['fitted']:8.2f}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
