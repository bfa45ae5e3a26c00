"""Dropout drawn by four, beside torch's own, in a step of training. Run: python benchmarks/dropout.py [--model FOLDER].

On the CPU in the precision that ``auto`` finds, windows of one length. Each side trains a model of its own, in turn;
what is timed is the clock, since torch draws in one thread while the others wait.
"""

from __future__ import annotations

import argparse
import time

from common import Row, Timed, duration, mini_or_generated, to_examples
from levers import LENGTH, STEPS, WINDOWS, in_turn, steps, windows
from models import MODEL
from table import console, show
from torch import nn

from qatk_builtin.trainers.pytorch.dropout import DropoutByFour


def measure(repetitions: int = 9, model: str = MODEL, frozen: int = 0) -> list[Row]:
    """The row of some steps."""
    name, data = mini_or_generated()
    examples = to_examples(data)
    features = windows(examples, model, LENGTH)
    given = {"precision": "auto", "frozen_layers": frozen}
    sides = {
        side: steps(dict(given), examples, features, model, change=change)
        for side, change in (("torch's dropout", undo), ("by four", None))
    }
    plain, found = (Timed(took, STEPS) for took in in_turn(sides, repetitions, time.perf_counter).values())
    case = f"{WINDOWS} windows of {LENGTH} tokens, {name}"
    return [duration(f"{STEPS} steps with dropout by four", case, found, plain, "torch's dropout")]


def undo(model: nn.Module) -> None:
    """Give a model torch's dropout back."""
    for module in list(model.modules()):
        for name, part in module.named_children():
            if isinstance(part, DropoutByFour):
                setattr(module, name, nn.Dropout(part.p))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=MODEL, help="a folder, or package:NAME/PATH")
    parser.add_argument("--frozen", type=int, default=0, help="its lowest layers that stay as they are")
    parser.add_argument("--repetitions", type=int, default=9)
    given = parser.parse_args()
    show(measure(given.repetitions, given.model, given.frozen), console())


if __name__ == "__main__":
    main()
