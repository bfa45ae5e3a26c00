"""Try the configurations of ``tools/quality.yaml``, and write ``docs/results/quality.md`` from their runs.

``python tools/make_quality.py OUT --train TRAIN`` cross-validates: the articles of the training data are divided into
folds, and each configuration is trained without a fold and scored on it. The first fold screens, round by round: the
best of a round, by its best F1 over thresholds, is the base of the next. The other folds are for the best of each
round. ``--final NAME,NAME --dev DEV`` trains what was chosen so on all training data, and scores it on data that chose
nothing; ``--curve NAME,NAME`` does so with fewer questions too. ``--back NAME`` combines all seeds of it, and has one
model learn from them.

``--plan`` prints what would be made, and how long it may take. Runs lie in OUT/NAME/PART; one that was stopped or
killed goes on. ``--processes 2`` makes two runs at a time, each on its share of the cores; starting the script twice
does so too. After each run its record is kept beside the page, and the page is written from all records. What another
machine made is not made again, unless another run starts from its model. ``--only`` makes these alone, ``--also`` tries
more of the table, ``--large MODEL`` is the larger model that some of it learn from. ``--set KEY=VALUE`` and
``--questions N`` are of the folds alone: ``--set backbone.layers=3`` takes half the time, and so many questions are
drawn to learn from. ``--only ""`` makes none of the folds. ``--limit N`` uses few questions, to try the script.
``--page-only`` makes no run.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from qatk.data import save, split
from qatk.files import write_atomically
from quality_page import page
from quality_processes import alone, call, together
from quality_records import Records, keep_told, read_squad
from quality_runs import ASSUMED_S, Common, Configuration, Part, stages_of
from quality_work import Job, Work

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "results" / "quality.md"
TOLD = 12
"""Best spans of each training question that a teacher tells."""
WAIT_S = 2.0
"""Seconds after which this process looks again whether another one has finished what a run needs."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the runs that are missing, and the page after each."""
    options = _options().parse_args(arguments)
    if options.processes > 1 and not options.plan and not options.page_only:
        sys.exit(together(Path(__file__), sys.argv[1:] if arguments is None else arguments, options.processes))
    table = yaml.safe_load(options.table.read_text("utf-8"))
    final = options.final or options.curve or options.back
    if final and options.dev is None:
        sys.exit("--final, --curve and --back need --dev: data that chose nothing")
    _add_others(table, options)
    recipe = ROOT / table["recipe"] if options.recipe is None else options.recipe
    common = Common(recipe, options.out, options.limit, options.large, options.page.with_suffix(""))
    records = Records(common)
    folds = _folds(options)
    work = Work(options, table, records, folds, _whole(options, folds) if options.dev else [])
    work.check()
    if options.plan:
        print_plan(work)
        return
    for _ in made(work):
        said = page(_call_of(options), records, work.rounds(), work.every(), list(work.parts.values()), options.page)
        write_atomically(options.page, said)
        if options.page_only:
            return


def _add_others(table: dict[str, Any], options: argparse.Namespace) -> None:
    """Put what ``--also`` names into the second round, and refuse names that are nowhere."""
    named = [
        name
        for given in (options.only, options.final, options.curve, options.back)
        if given
        for name in given.split(",")
    ]
    others, also = table.get("others", {}), options.also.split(",") if options.also else []
    rounds = [*table["rounds"].values()]
    known = [*(name for each in rounds for name in each), *table.get("stages", {})]
    for names, there in ((also, [*others]), (named, [*known, *also])):
        if unknown := [name for name in names if name not in there]:
            sys.exit(f"{options.table} has no configuration {unknown[0]!r}; it has {', '.join(there)}")
    if also and options.large is None:
        _refuse_large(also, stages_of(table) | {name: Configuration.of(name, others[name]) for name in also})
    if also:
        rounds[min(1, len(rounds) - 1)] |= {name: others[name] for name in also}


def _refuse_large(names: Sequence[str], every: Mapping[str, Configuration]) -> None:
    """Stop where one of these configurations, or a stage that it starts from, needs the model that nobody named."""
    for one in (every[name] for name in names):
        _refuse_large([name for name in one.bases if name in every], every)
        if any("{large}" in each for each in one.settings):
            sys.exit(f"{one.name} needs --large MODEL: the folder of a larger model, or its id")


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=lambda text: Path(text).resolve())
    parser.add_argument("--train", type=lambda text: Path(text).resolve(), required=True)
    parser.add_argument("--dev", type=lambda text: Path(text).resolve())
    parser.add_argument("--table", type=Path, default=ROOT / "tools" / "quality.yaml")
    parser.add_argument("--recipe", type=Path)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[0, 1, 2])
    parser.add_argument("--only")
    parser.add_argument("--also")
    parser.add_argument("--large", metavar="MODEL")
    parser.add_argument("--final")
    parser.add_argument("--curve")
    parser.add_argument("--back")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--questions", type=int)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--plan", action="store_true")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--page-only", action="store_true")
    return parser


def _call_of(options: argparse.Namespace) -> str:
    """The call that makes the same table elsewhere."""
    large = options.large and (Path(options.large).name if Path(options.large).is_dir() else options.large)
    given = {"also": options.also, "large": large, "final": options.final, "back": options.back}
    given |= {"curve": options.curve, "dev": options.dev and options.dev.name}
    given |= {"questions": options.questions, "limit": options.limit}
    words = ["OUT", "--train", options.train.name, *(word for each in options.set for word in ("--set", each))]
    words += [word for name, value in given.items() if value is not None for word in (f"--{name}", str(value))]
    return f"python tools/make_quality.py {' '.join(words)}"


def _folds(options: argparse.Namespace) -> list[Part]:
    """The folds, by article; each is written once."""
    examples = read_squad(options.train)
    names = [f"fold{number}" for number in range(options.folds)]
    rows = split(examples, shares=dict.fromkeys(names, 1 / options.folds), seed=0, stratify=True).rows
    parts = []
    for seed, name in enumerate(names):
        folder = options.out / f"data-{options.folds}" / name
        others = np.sort(np.concatenate([rows[other] for other in names if other != name]))
        for file, kept in (("train.json.gz", others), ("dev.json.gz", rows[name])):
            if not (folder / file).exists() and not options.plan:
                folder.mkdir(parents=True, exist_ok=True)
                save(examples.take(kept), folder / file)
        files = folder / "train.json.gz", folder / "dev.json.gz"
        sizes = len(others), len(rows[name])
        parts.append(Part(name, *files, seed, *sizes, drawn=options.questions, settings=options.set))
    return parts


def _whole(options: argparse.Namespace, folds: Sequence[Part]) -> list[Part]:
    questions, scored = sum(fold.scored for fold in folds), len(read_squad(options.dev))
    names = [f"seed{seed}" for seed in options.seeds]
    files = options.train, options.dev
    return [Part(name, *files, seed, questions, scored, names) for name, seed in zip(names, options.seeds, strict=True)]


def print_plan(work: Work) -> None:
    """What is to be made, in its order, with the hours that it may take."""
    jobs, records = work.jobs(guess=True), work.records
    rate, known = seconds_a_question(jobs, records)
    hours = 0.0
    for number, job in enumerate(jobs, 1):
        done = records.get(job.configuration, job.part) is not None
        takes = job.cost * rate / 3600
        hours += 0.0 if done else takes
        begun = (records.folder(job.configuration, job.part) / "manifest.json").exists()
        state = "finished" if done else "begun" if begun else "to do"
        print(f"{number:3} {' '.join(job.place):32} {state:8} {takes:6.2f} h {hours:7.1f} h in all")
    print(f"at {1 / rate:.1f} questions a second, {'as measured here' if known else 'which no run has measured yet'};")
    print("rounds whose base is not known yet are planned on the longest configuration of the round before;")
    print("--processes 2 takes half of it on two cores")


def seconds_a_question(jobs: Sequence[Job], records: Records) -> tuple[float, bool]:
    """The median over the runs that were made here; whether there is one."""
    runs = [
        (job.cost, one)
        for job in jobs
        if (one := records.get(job.configuration, job.part)) and records.folder(job.configuration, job.part).exists()
    ]
    rates = [one.seconds / cost for cost, one in runs if cost and one.seconds]
    return (float(np.median(rates)), True) if rates else (ASSUMED_S, False)


def made(work: Work) -> Iterator[None]:
    """Make one run after the other; yields at the start and after each.

    Those that another process makes, and those that need one of these, are left for later. What is due is asked after
    each: the best of a round is known when all of it is made.
    """
    yield
    records = work.records
    tried: set[tuple[str, str]] = set()
    began = time.time()
    while left := [job for job in work.left() if job.place not in tried and not _failed_since(began, job, records)]:
        missing = {job.place for job in left}
        for job in left:
            if not missing.isdisjoint(job.configuration.needs(job.part)):
                continue
            with alone(records.folder(job.configuration, job.part)) as mine:
                if mine and job.place in {each.place for each in work.left()}:
                    rate, _ = seconds_a_question(work.jobs(), records)
                    rest = sum(each.cost for each in left) * rate / 3600
                    about = f"about {job.cost * rate / 3600:.2f} h, {rest:.1f} h for all {len(left)} that are left"
                    print(f"{' '.join(job.place)}: {about}", flush=True)
                    make(job.configuration, job.part, records)
            if mine:
                tried.add(job.place)
                yield
                break
        else:
            time.sleep(WAIT_S)


def _failed_since(began: float, job: Job, records: Records) -> bool:
    """Whether another process has tried it too, and failed."""
    failure = records.failure(job.configuration, job.part)
    return failure.exists() and failure.stat().st_mtime > began


def make(configuration: Configuration, part: Part, records: Records) -> None:
    """Make one run unless it lies there, and keep its record, or why it failed: the next start tries that again."""
    failure, (code, said) = records.failure(configuration, part), (0, "")
    if not records.keep(configuration, part):
        code, said = call([sys.executable, "-m", "qatk", *configuration.command(part, records.common)])
        if code == 0:
            records.keep(configuration, part)
    if code == 0 and configuration.tells and not (told := records.told(configuration, part)).exists():
        answers = records.folder(configuration, part) / "told.parquet"
        words = ["predict", str(answers.parent), str(part.train), "--out", str(answers), "-k", str(TOLD), "--resume"]
        code, said = call([sys.executable, "-m", "qatk", *words])
        if code == 0:
            keep_told(answers, told)
    if code == 0:
        failure.unlink(missing_ok=True)
        return
    if code < 0 or code > 128:
        sys.exit(128 + abs(code) % 128)  # stopped from outside: the same call goes on
    why = said.rpartition("error: ")[2].strip() or f"exit code {code}"
    failure.write_text(why.splitlines()[0] + "\n", encoding="utf-8")
    print(f"  failed: {why}", flush=True)


if __name__ == "__main__":
    main()
