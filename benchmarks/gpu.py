"""Training and prediction on a GPU, side by side with padded bf16, alternating. Run: python benchmarks/gpu.py.

Encoders of the shapes of bert-base and bert-large with random weights, on the windows of the mini training set (made
by MiniLM's tokenizer, whose vocabulary is BERT's) or on generated lengths like them. The reference pads every window
to 384, computes in bf16 by autocast with torch's own attention, and steps a fused AdamW. Sequences are windows;
padding is no work, so that the share of the card's rate counts real tokens only: 6 operations a weight and token of
the matrices in training, 2 in prediction, and 12 or 4 a layer, width and pair of tokens for attention.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import reference_models
import torch
from common import Row, Timed, alternate, figure, mini_or_generated, speedup, to_examples
from features import minilm
from table import console, show
from transformers import BertConfig, BertForQuestionAnswering, BertModel

from qatk.plugins.model_types import BackboneSpec
from qatk.types import Features
from qatk_builtin.featurizers import StrideOptions
from qatk_builtin.featurizers.stride import StrideFeaturizer
from qatk_builtin.heads import LinearOptions
from qatk_builtin.heads.linear import LinearHead
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer

SHAPES = {
    "bert-base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072},
    "bert-large": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096},
    "tiny": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64},
}
BATCH, REFERENCE_BATCH = 32, 32
TARGET, TARGET_SHARE, EPOCH_WINDOWS, TARGET_EPOCH = 2.5, 0.4, 131_000, 60.0


class RandomBackbone:
    """An encoder of a shape, with random weights."""

    def __init__(self, config: BertConfig, spec: BackboneSpec) -> None:
        self._config, self._spec = config, replace(spec, hidden_size=config.hidden_size)

    def spec(self) -> BackboneSpec:
        return self._spec

    def tokenizer(self) -> None:
        return None

    def encoder(self) -> torch.nn.Module:
        return BertModel(self._config, add_pooling_layer=False)

    def head_state(self) -> dict[str, torch.Tensor]:
        return {}


def measure(device: str, shapes: list[str], windows: int, repetitions: int) -> list[Row]:
    """Rows of all shapes."""
    tokenizer, spec = minilm()
    name, data = mini_or_generated()
    features = StrideFeaturizer(StrideOptions()).featurize(to_examples(data), tokenizer, spec, targets=True)
    few = features.take(np.sort(np.random.default_rng(0).permutation(len(features))[:windows]))
    rate = matrix_rate(torch.device(device), torch.bfloat16)
    rows = [figure("matrix products in bf16", device, "TFLOP/s", [rate / 1e12])]
    for shape in shapes:
        rows += of_shape(shape, f"{shape}, {name}", few, spec, device, repetitions, rate)
    return rows


def of_shape(
    shape: str, case: str, features: Features, spec: BackboneSpec, device: str, repetitions: int, rate: float
) -> list[Row]:
    """Training and prediction with one shape."""
    config = BertConfig(vocab_size=30522, attention_probs_dropout_prob=0.0, **SHAPES[shape])
    trainer = TorchTrainer(TorchOptions(batch_size=BATCH, epochs=1, device=device, precision="bf16", log_every=50))
    model = trainer.assemble(RandomBackbone(config, spec), LinearHead(LinearOptions()), seed=0)
    theirs = BertForQuestionAnswering(config).to(device)
    works: dict[str, dict[str, Callable[[], Any]]] = {
        "training": {
            "qatk": lambda: list(trainer.fit(model, features, None, seed=0)),
            "reference": partial(reference, theirs, features, spec.pad_id, device, training=True),
        },
        "prediction": {
            "qatk": lambda: trainer.predict(model, features),
            "reference": partial(reference, theirs, features, spec.pad_id, device, training=False),
        },
    }
    rows = []
    for what, sides in works.items():
        peaks = dict.fromkeys(sides, 0)
        waiting = {side: partial(until_done, work, device, side, peaks) for side, work in sides.items()}
        alternate(waiting, 1)  # compiles, allocates
        times = {side: Timed(took, len(features)) for side, took in alternate(waiting, repetitions).items()}
        note = f"attention: {trainer.describe(model)['attention']}."
        against = "padded to 384, bf16, fused AdamW"
        rows.append(
            speedup(what, case, "sequences", times["qatk"], times["reference"], against, target=TARGET, note=note)
        )
        work = operations(features, config, training=what == "training")
        shares = [work / seconds / rate for seconds in times["qatk"].seconds]
        wanted = {"target": TARGET_SHARE} if (shape, what) == ("bert-base", "training") else {}
        rows.append(figure(f"{what}, share of the matrix rate", case, "", shares, at_most=False, **wanted))
        if wanted:
            epochs = [seconds / len(features) * EPOCH_WINDOWS for seconds in times["qatk"].seconds]
            rows.append(figure(f"an epoch of {EPOCH_WINDOWS:,} windows", case, "s", epochs, target=TARGET_EPOCH))
        for side, peak in peaks.items() if device == "cuda" else ():
            rows.append(figure(f"{what}, memory on top of both models, {side}", case, "GiB", [peak / 2**30]))
    return rows


def until_done(work: Callable[[], Any], device: str, side: str = "", peaks: dict[str, int] | None = None) -> None:
    """Work until the device is done; note the most memory of the card that it took, on top of what was held."""
    if device != "cuda":
        work()
        return
    torch.cuda.reset_peak_memory_stats()
    held = torch.cuda.memory_allocated()
    work()
    torch.cuda.synchronize()
    if peaks is not None:
        peaks[side] = max(peaks[side], torch.cuda.max_memory_allocated() - held)


def reference(model: Any, features: Features, pad_id: int, device: str, *, training: bool) -> None:
    """An epoch of steps, or of predictions, over random batches padded to 384."""
    model.train(training)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    with torch.set_grad_enabled(training):
        for rows in reference_models.random_batches(len(features), REFERENCE_BATCH, 0):
            batch = reference_models.collate(features, rows, pad_id)
            batch = {name: column.to(device, non_blocking=True) for name, column in batch.items()}
            with torch.autocast(device, torch.bfloat16):
                output = model(**batch)
            if training:
                output.loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()
            else:
                output.start_logits.float().cpu(), output.end_logits.float().cpu()


def operations(features: Features, config: BertConfig, *, training: bool) -> float:
    """Floating-point operations of the encoder's matrix products over real tokens."""
    lengths = features.lengths.astype(np.float64)
    weights = config.num_hidden_layers * (4 * config.hidden_size**2 + 2 * config.hidden_size * config.intermediate_size)
    pairs = 4 * config.num_hidden_layers * config.hidden_size * (lengths**2).sum()
    forward = 2 * weights * lengths.sum() + pairs
    return float((3 if training else 1) * forward)


def matrix_rate(device: torch.device, precision: torch.dtype, repetitions: int = 20) -> float:
    """Operations a second of a large matrix product: what there is to have."""
    size = 8192 if device.type == "cuda" else 128  # a processor without units for bf16 computes it 25 times slower
    a = torch.randn(size, size, device=device, dtype=precision)
    best = float("inf")
    for _ in range(repetitions):
        began = time.perf_counter()
        until_done(lambda: a @ a, device.type)
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", nargs="*", default=["bert-base", "bert-large"], choices=SHAPES)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"], help="cpu is for trying the program")
    parser.add_argument("--windows", type=int, default=4096)
    parser.add_argument("--repetitions", type=int, default=3)
    o = parser.parse_args()
    if o.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("this machine has no GPU that torch can use; --device cpu --shapes tiny tries the program")
    show(measure(o.device, o.shapes, o.windows, o.repetitions), console())


if __name__ == "__main__":
    main()
