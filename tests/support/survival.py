"""Runs that are killed at drawn moments, and all that is in a run folder, to compare one with another.

As a program (``python -m survival RECIPE OUT KIND NUMBER``) it makes a run that kills itself, as by SIGKILL, at the
NUMBER-th moment of a KIND; with KIND ``count`` it prints how many of each there are. With the name of a signal it
gets that signal after so many steps, and with ``twice`` two of SIGINT.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from commands import call
from repository import SUPPORT

MOMENTS = {
    "step": "after an optimizer step",
    "open": "before a file is opened to be written",
    "rename": "before a file or folder is put into its place",
    "remove": "before a file or folder is removed",
    "mkdir": "before a folder is made",
}
"""What may be about to happen in the run folder."""
_AUDITED = {"open": "open", "os.rename": "rename", "os.remove": "remove", "os.rmdir": "remove", "os.mkdir": "mkdir"}
_TIMES = re.compile(rb"(?m)^- (?:time|memory): .*$|<dt>(?:time|memory)</dt><dd>.*?</dd>")
"""The lines of reports that tell of time and memory."""
_OF_THE_DAY = re.compile("^id$|second|started|finished|cached|peak_memory")


def moments(counts: Mapping[str, int], number: int, seed: int) -> list[tuple[str, int]]:
    """So many moments, drawn: first a kind, each in turn, then one of its kind."""
    rng = random.Random(seed)
    kinds = [kind for kind in MOMENTS if counts[kind]]
    return [(kind := kinds[i % len(kinds)], rng.randrange(counts[kind]) + 1) for i in range(number)]


def killed(recipe: Path, out: Path, kind: str, number: int) -> bool:
    """Make a run that dies at a moment; whether it did."""
    done = call("survival", recipe, out, kind, number, cwd=recipe.parent, paths=[SUPPORT])
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def count(recipe: Path, out: Path) -> dict[str, int]:
    """How many moments of each kind a run has."""
    done = call("survival", recipe, out, "count", 0, cwd=recipe.parent, paths=[SUPPORT])
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


def contents(folder: Path) -> dict[str, Any]:
    """All files of a run folder by name, without what tells of time."""
    return {path.relative_to(folder).as_posix(): _content(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def _content(path: Path) -> object:
    if path.name == "manifest.json":
        return _timeless(json.loads(path.read_text("utf-8")))
    if path.name == "events.jsonl":
        from qatk.run_folder.event_log import read_events

        return [{**event.plain(), "examples_per_second": None} for event in read_events(path)]
    return _TIMES.sub(b"", path.read_bytes())


def _timeless(value: object) -> object:
    """Without seconds, memory, and whether windows came from the cache."""
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if not _OF_THE_DAY.search(key)}
    return value


def main() -> None:
    """Make the run; see above."""
    from qatk.errors import QatkError
    from qatk.progress import listen
    from qatk.runs.run import run

    recipe, out, kind, number = sys.argv[1:]
    seen: Counter[str] = Counter()

    def note(happened: str) -> None:
        seen[happened] += 1
        if (happened, seen[happened]) == (kind, int(number)):
            os.kill(os.getpid(), signal.SIGKILL)

    def audited(event: str, given: tuple[Any, ...]) -> None:
        if (happened := _AUDITED.get(event)) and isinstance(given[0], str | bytes | os.PathLike):
            written = event != "open" or (isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR))
            if written and os.fsdecode(given[0]).startswith(out):
                note(happened)

    def stepped(what: str, done: int, total: int | None) -> None:
        if what != "training":
            return
        note("step")
        for name in ["SIGINT"] * 2 if kind == "twice" else [kind] if kind.startswith("SIG") else []:
            if seen["step"] == int(number):
                signal.raise_signal(signal.Signals[name])

    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which nohup of the tests would have ignored
    sys.addaudithook(audited)
    with listen(stepped):
        try:
            run(recipe, out=out)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)
        except QatkError as error:
            sys.stderr.write(f"error: {error}\n")
            raise SystemExit(error.exit_code) from None
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
