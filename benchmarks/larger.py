"""A step of training of a larger encoder with frozen layers, beside MiniLM's.

Run: python benchmarks/larger.py --model FOLDER [--frozen 6]. On the CPU in the precision that ``auto`` finds, windows
of one length, in turn. With MiniLM's windows per second on a machine, the ratio says how long the larger takes there.
"""

from __future__ import annotations

import argparse
import time

from common import Row, Timed, duration, mini_or_generated, to_examples
from levers import LENGTH, STEPS, WINDOWS, in_turn, steps, windows
from models import MODEL
from table import console, show


def measure(repetitions: int = 9, model: str = MODEL, frozen: int = 0) -> list[Row]:
    """The row of some steps."""
    name, data = mini_or_generated()
    examples = to_examples(data)
    sides = {
        side: steps({"precision": "auto", **given}, examples, windows(examples, one, LENGTH), one)
        for side, one, given in (("MiniLM", MODEL, {}), ("larger", model, {"frozen_layers": frozen}))
    }
    plain, found = (Timed(took, STEPS) for took in in_turn(sides, repetitions, time.perf_counter).values())
    case = f"{WINDOWS} windows of {LENGTH} tokens, {name}"
    return [duration(f"{STEPS} steps of the larger encoder", case, found, plain, "MiniLM's")]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", required=True, help="a folder, or package:NAME/PATH")
    parser.add_argument("--frozen", type=int, default=6, help="its lowest layers that stay as they are")
    parser.add_argument("--repetitions", type=int, default=9)
    given = parser.parse_args()
    show(measure(given.repetitions, given.model, given.frozen), console())


if __name__ == "__main__":
    main()
