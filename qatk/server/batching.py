"""Questions of many clients, answered together.

Whichever worker is free takes what waits: the oldest request, and others that ask the same of the same model. Nothing
waits for a batch to fill. A long request goes back to the end of the queue after each of its parts, so that short ones
need not wait for the whole of it; what nobody waits for any more is given up between two steps of the model.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from threading import Condition, Thread

from qatk.progress import listen
from qatk.server.gauges import Gauges
from qatk.server.limits import Limits
from qatk.server.served import Answerer, Pair, Work

QUESTIONS, CHARACTERS = 64, 400_000
"""The most that is answered at once; a single question may be about more."""
LONGEST_WAIT = 60
"""Seconds after which a client is told to come again, at the most."""


class QueueFull(Exception):
    """There is no room for a request; ``seconds`` says when there may be."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds


class TookTooLong(Exception):
    """A request was not answered in time.

    ``seconds`` says when it may be; ``None`` where it takes too long by itself.
    """

    def __init__(self, seconds: int | None) -> None:
        self.seconds = seconds


class Failed(Exception):
    """One question of a request could not be answered.

    Attributes:
        index: of the question in its request.
        error: why.
    """

    def __init__(self, index: int, error: Exception) -> None:
        self.index, self.error = index, error


class _GivenUp(BaseException):
    """Nobody waits for what is computed. No error of a component, so nothing may hold it up."""


class _Job:
    """One request on its way. Workers only read it; it changes on the thread of the event loop, or under the lock."""

    def __init__(self, work: Work, pairs: Sequence[Pair], loop: asyncio.AbstractEventLoop) -> None:
        self.work, self.pairs, self.loop = work, pairs, loop
        self.taken, self.over = 0, False
        self.answered: asyncio.Future[list[object]] = loop.create_future()
        self._found: dict[int, object] = {}
        self._busy, self._idle, self._since = 0, 0.0, time.monotonic()

    def work_on(self, more: int) -> None:
        """Count a worker that begins with a part of it (1), or that has ended (-1)."""
        self._idle, self._since = self.idle, time.monotonic()
        self._busy += more

    @property
    def idle(self) -> float:
        """The seconds in which no worker was at it."""
        return self._idle + (0.0 if self._busy else time.monotonic() - self._since)

    def give(self, begin: int, found: Sequence[object]) -> None:
        """Take answers, or what kept a question from being answered, on the loop's thread."""
        if self.answered.done():
            return
        for index, answer in enumerate(found, begin):
            if isinstance(answer, Exception):
                self.answered.set_exception(Failed(index, answer))
                return
            self._found[index] = answer
        if len(self._found) == len(self.pairs):
            self.answered.set_result([self._found[index] for index in range(len(self.pairs))])


_Part = tuple[_Job, int, Sequence[Pair]]
"""A request, and some of its questions from an index on."""


class Batcher:
    """A queue with one thread for each answerer.

    Args:
        answerers: one a thread.
        limits: of the queue and of time.
        gauges: what is counted.
    """

    def __init__(self, answerers: Sequence[Answerer], limits: Limits, gauges: Gauges) -> None:
        self.limits, self.gauges = limits, gauges
        self._jobs: deque[_Job] = deque()
        self._waiting, self._pace, self._closed = 0, 0.0, False
        self._change = Condition()
        self._threads = [Thread(target=self._work, args=(answer,), daemon=True) for answer in answerers]
        for thread in self._threads:
            thread.start()

    async def answers(self, work: Work, pairs: Sequence[Pair]) -> list[object]:
        """The answers to the questions of one request.

        Raises:
            QueueFull: at once.
            TookTooLong: after the limit of time.
            Failed: a question could not be answered.
        """
        job = _Job(work, pairs, asyncio.get_running_loop())
        self._enter(job)
        try:
            return await asyncio.wait_for(job.answered, self.limits.seconds)
        except asyncio.TimeoutError:
            raise TookTooLong(self._wait() if job.idle > self.limits.seconds / 2 else None) from None
        finally:
            self._leave(job)

    @property
    def waiting(self) -> int:
        """Questions that no worker has taken yet."""
        return self._waiting

    @property
    def working(self) -> bool:
        """Whether all threads that answer are there."""
        return all(thread.is_alive() for thread in self._threads)

    def close(self) -> None:
        """End the threads; what they compute is still given."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        for thread in self._threads:
            thread.join(self.limits.seconds)

    def _wait(self) -> int:
        """Seconds until what waits now is answered, by the pace of late."""
        return min(max(1, math.ceil(self._waiting * self._pace / len(self._threads))), LONGEST_WAIT)

    def _enter(self, job: _Job) -> None:
        with self._change:
            if self._waiting + len(job.pairs) > self.limits.queue:
                raise QueueFull(self._wait())
            self._jobs.append(job)
            self._count(len(job.pairs))
            self._change.notify(1 + len(job.pairs) // QUESTIONS)

    def _leave(self, job: _Job) -> None:
        with self._change:
            job.over = True
            if job.taken < len(job.pairs):
                self._jobs.remove(job)
                self._count(job.taken - len(job.pairs))

    def _count(self, more: int) -> None:
        self._waiting += more
        self.gauges.waiting.set(self._waiting)

    def _work(self, answer: Answerer) -> None:
        while parts := self._take():
            began = time.perf_counter()
            self._answer(parts, answer)
            with self._change:
                for job, _, _ in parts:
                    job.work_on(-1)
            size = sum(len(pairs) for _, _, pairs in parts)
            took = (time.perf_counter() - began) / size
            self._pace = took if not self._pace else 0.8 * self._pace + 0.2 * took
            self.gauges.batches.observe(size)

    def _take(self) -> list[_Part]:
        """The next questions to answer together; none where the queue is closed and empty."""
        with self._change:
            while not self._jobs:
                if self._closed:
                    return []
                self._change.wait()
            work = self._jobs[0].work
            parts: list[_Part] = []
            size = characters = 0
            for job in [job for job in self._jobs if job.work == work]:
                begin = job.taken
                for pair in job.pairs[begin : begin + QUESTIONS - size]:
                    characters += len(pair.context)
                    if size and characters > CHARACTERS:
                        break
                    job.taken += 1
                    size += 1
                if job.taken > begin:
                    parts.append((job, begin, job.pairs[begin : job.taken]))
                    job.work_on(1)
                    self._jobs.remove(job)
                    if job.taken < len(job.pairs):
                        self._jobs.append(job)
                if size >= QUESTIONS or characters > CHARACTERS:
                    break
            self._count(-size)
            return parts

    def _answer(self, parts: list[_Part], answer: Answerer) -> None:
        def look(*_: object) -> None:
            if all(job.over for job, _, _ in parts):
                raise _GivenUp

        work, pairs = parts[0][0].work, [pair for _, _, some in parts for pair in some]
        try:
            with listen(look):
                look()
                found = iter(_answers(work, pairs, answer))
        except _GivenUp:
            self.gauges.given_up.inc(len(pairs))
            return
        self.gauges.questions.labels(work.model).inc(len(pairs))
        for job, begin, some in parts:
            job.loop.call_soon_threadsafe(job.give, begin, [next(found) for _ in some])


def _answers(work: Work, pairs: Sequence[Pair], answer: Answerer) -> Sequence[object]:
    """One answer a pair; where some cannot be answered together, each alone, with what kept it from being answered."""
    try:
        return answer(work, pairs)
    except _GivenUp:
        raise
    except BaseException as error:  # such as a panic of a tokenizer in Rust, which must not end the thread
        if len(pairs) > 1:
            return list(_one_by_one(work, pairs, answer))
        return [error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")]


def _one_by_one(work: Work, pairs: Sequence[Pair], answer: Answerer) -> Iterator[object]:
    for pair in pairs:
        yield _answers(work, [pair], answer)[0]
