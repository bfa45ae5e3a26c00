"""Kill a run at drawn moments, resume it, and compare every file with those of the run that was never disturbed.

python benchmarks/survival.py --number 100
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import qatk  # noqa: E402
from small import write_recipe  # noqa: E402
from survival import contents, count, killed, moments  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=100, help="moments to draw")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        recipe = write_recipe(folder, train=24, dev=12, epochs=2, log_every=1, batch_size=8)
        plain = json.loads(recipe.read_text()) | {"save_every": 1, "reporters": [{"use": "markdown"}, {"use": "html"}]}
        recipe.write_text(json.dumps(plain))
        counts = count(recipe, folder / "run")
        expected = contents(folder / "run")
        equal, all_of = Counter[str](), Counter[str]()
        for number, (kind, which) in enumerate(moments(counts, arguments.number, arguments.seed)):
            out = folder / f"run-{number}"
            if not killed(recipe, out, kind, which):
                print(f"{kind} {which} never came")
                continue
            qatk.run(recipe, out=out, resume=True)
            same = contents(out) == expected
            all_of[kind] += 1
            equal[kind] += same
            if not same:
                print(f"{kind} {which}: other files")
    for kind, number in all_of.items():
        print(f"killed before or after {kind:8} {number:4} times, resumed to equal files {equal[kind]:4} times")
    print(f"{equal.total()} of {all_of.total()} killed runs ended with files equal to the undisturbed run's")


if __name__ == "__main__":
    main()
