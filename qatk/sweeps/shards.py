"""Answers to a file of questions in shards: each is a job of a launcher, and has blocks of questions of its own."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from qatk.errors import QatkError, QatkWarning, counted
from qatk.inference.asked import Asked
from qatk.inference.predict import Elsewhere, Shard, part_of
from qatk.progress import advance
from qatk.sweeps.events import Advanced, Failed, RunEvent, Warned
from qatk.sweeps.launched import Launched
from qatk.sweeps.sweep import terminated_as_interrupted


@dataclass(frozen=True)
class ShardJob:
    """A shard as a piece of work; see :class:`qatk.sweeps.events.Piece`."""

    shard: Shard
    parts: Path
    asked: Asked
    words: Sequence[str]

    @property
    def name(self) -> str:
        """Its number, and of how many."""
        return f"shard {self.shard.number} of {self.shard.of}"

    @property
    def folder(self) -> Path:
        """No folder, but what stands for it in the names of files."""
        return self.parts / self.name.replace(" ", "-")

    @property
    def command(self) -> list[str]:
        """The command of all shards, and which of them is meant."""
        return [*self.words, "--shard", f"{self.shard.number}/{self.shard.of}"]

    @property
    def finished(self) -> bool:
        """Whether all of its blocks are answered."""
        return all(part_of(self.parts, number).exists() for number in self.shard.blocks(self.asked))

    @property
    def questions(self) -> int:
        """How many questions it has."""
        return sum(self.asked.sizes[number] for number in self.shard.blocks(self.asked))


def in_shards(number: int, words: Sequence[str], executor: Launched) -> Elsewhere:
    """What :func:`qatk.inference.predict.predict_file` calls to have questions answered by jobs.

    Args:
        number: of shards; no more than there are blocks of questions.
        words: the command behind ``qatk`` that answers a shard, without ``--shard``.
        executor: where the jobs go.
    """

    def answer(parts: Path, asked: Asked) -> None:
        if (blocks := len(asked.sizes)) < number:
            said = f"{counted(asked.count, 'question')} are {counted(blocks, 'block')}: {blocks} shards, not {number}"
            warnings.warn(QatkWarning(said), stacklevel=2)
        shards = min(number, blocks)
        jobs = [ShardJob(Shard(each, shards), parts, asked, words) for each in range(1, shards + 1)]
        with terminated_as_interrupted():
            _answer(jobs, executor)

    return answer


def _answer(jobs: Sequence[ShardJob], executor: Launched) -> None:
    """Have the jobs that are not finished made, and say what they warn of, once.

    Raises:
        QatkError: with each that failed, when the others have ended.
    """
    done = {job.name: job.questions * job.finished for job in jobs}
    total, said, failed = sum(job.questions for job in jobs), set[str](), list[str]()

    def hear(event: RunEvent) -> None:
        if isinstance(event, Failed):
            failed.append(f"{event.run.name}: {event.message}")
        elif isinstance(event, Warned) and event.message not in said:
            said.add(event.message)
            warnings.warn(QatkWarning(f"{event.run.name}: {event.message}"), stacklevel=3)
        elif isinstance(event, Advanced) and event.what == "answering":
            done[event.run.name] = event.done
            advance("answering in shards", sum(done.values()), total)

    with closing(executor.execute([job for job in jobs if not job.finished])) as events:
        for event in events:
            hear(event)
    if failed:
        what = f"{len(failed)} of {counted(len(jobs), 'shard')} failed: {'; '.join(failed)}"
        raise QatkError(what, fix="the same command goes on with what is missing")
