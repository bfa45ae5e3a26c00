"""The queue on its own, with answerers that say what they were asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from threading import Event

import pytest

from qatk.progress import advance
from qatk.server.app import Routes
from qatk.server.batching import CHARACTERS, QUESTIONS, Batcher, Failed, QueueFull, TookTooLong
from qatk.server.gauges import Gauges
from qatk.server.guard import Refusal
from qatk.server.limits import Limits
from qatk.server.served import Pair, Work

ONE = Work("a", "reply", (("top_k", 1),))
TWO = Work("b", "reply", (("top_k", 1),))


class Panic(BaseException):
    """As a library in Rust raises it."""


class Answering:
    """Notes what is asked of it; waits until it may answer; fails at questions that begin with "bad" or "panic".

    Attributes:
        looks: whether it sees, while it waits, that nobody waits for the answer any longer.
    """

    looks = True

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.open, self.busy = Event(), Event()

    def __call__(self, work: Work, pairs: Sequence[Pair]) -> Sequence[object]:
        self.asked.append([pair.question for pair in pairs])
        self.busy.set()
        while not self.open.wait(0.01):
            if self.looks:
                advance("predicting", 0, 1)
        if any(pair.question.startswith("bad") for pair in pairs):
            raise ValueError("bad")
        if any(pair.question.startswith("panic") for pair in pairs):
            raise Panic("at the disco")
        return [f"{work.model} {pair.question}" for pair in pairs]


def pairs(*questions: str, context: str = "c") -> list[Pair]:
    return [Pair(question, context) for question in questions]


async def started(
    batcher: Batcher, answering: Answering, *asked: tuple[Work, list[Pair]]
) -> list[asyncio.Task[list[object]]]:
    """Requests that came while the only worker was busy with a first one, in this order."""
    first = asyncio.ensure_future(batcher.answers(ONE, pairs("first")))
    await asyncio.to_thread(answering.busy.wait, 10)
    tasks = [first]
    for work, some in asked:
        tasks.append(asyncio.ensure_future(batcher.answers(work, some)))
        await asyncio.sleep(0)
    return tasks


def test_what_waits_is_answered_together_by_kind_of_work() -> None:
    answering = Answering()

    async def run() -> list[list[object]]:
        batcher = Batcher([answering], Limits(), Gauges())
        asked = [(ONE, pairs("1")), (TWO, pairs("2")), (ONE, pairs("3", "4"))]
        tasks = await started(batcher, answering, *asked)
        answering.open.set()
        found = await asyncio.gather(*tasks)
        batcher.close()
        return found

    assert asyncio.run(run()) == [["a first"], ["a 1"], ["b 2"], ["a 3", "a 4"]]
    assert answering.asked == [["first"], ["1", "3", "4"], ["2"]]


def test_a_long_request_lets_short_ones_pass_and_no_batch_is_too_large() -> None:
    answering = Answering()

    async def run() -> None:
        batcher = Batcher([answering], Limits(), Gauges())
        long = [str(k) for k in range(2 * QUESTIONS)]
        wide = pairs("w1", "w2", "w3", context="c" * (CHARACTERS // 2))
        tasks = await started(batcher, answering, (ONE, pairs(*long)), (TWO, pairs("short")), (TWO, wide))
        answering.open.set()
        found = await asyncio.gather(*tasks)
        assert found[1] == [f"a {name}" for name in long]
        batcher.close()

    asyncio.run(run())
    sizes = [len(questions) for questions in answering.asked]
    assert sizes == [1, QUESTIONS, 2, QUESTIONS, 2]
    assert answering.asked[2] == ["short", "w1"]


def test_a_question_that_fails_is_the_failure_of_its_request_alone() -> None:
    answering = Answering()

    async def run() -> list[object]:
        batcher = Batcher([answering], Limits(), Gauges())
        asked = [(ONE, pairs("1")), (ONE, pairs("2", "bad", "3")), (ONE, pairs("panic")), (ONE, pairs("4"))]
        tasks = await started(batcher, answering, *asked)
        answering.open.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert batcher.working
        batcher.close()
        return list(found)

    _, one, failed, panicked, four = asyncio.run(run())
    assert (one, four) == (["a 1"], ["a 4"])
    assert isinstance(failed, Failed)
    assert (failed.index, str(failed.error)) == (1, "bad")
    assert isinstance(panicked, Failed)
    assert (panicked.index, repr(panicked.error)) == (0, "RuntimeError('Panic: at the disco')")


def test_only_a_request_that_had_to_wait_is_told_to_come_again() -> None:
    answering = Answering()
    answering.looks = False

    async def run() -> list[Refusal]:
        routes = Routes({}, Batcher([answering], Limits(seconds=1), Gauges()))
        long = asyncio.ensure_future(routes._answers(ONE, pairs(*map(str, range(2 * QUESTIONS)))))
        await asyncio.to_thread(answering.busy.wait, 10)
        found = await asyncio.gather(long, routes._answers(TWO, pairs("1")), return_exceptions=True)
        answering.open.set()
        routes.batcher.close()
        return [refusal for refusal in found if isinstance(refusal, Refusal)]

    long, late = asyncio.run(run())
    assert (long.status, late.status) == (503, 503)
    assert (long.headers, late.headers) == ({}, {"retry-after": "1"})
    assert "--timeout" in str(long.body["fix"])


@pytest.mark.parametrize(("end", "code", "status"), [(False, 200, "ok"), (True, 503, "failed")])
def test_health_says_whether_all_threads_are_there(end: bool, code: int, status: str) -> None:
    batcher = Batcher([Answering(), Answering()], Limits(), Gauges())
    if end:
        batcher.close()
    answer = asyncio.run(Routes({}, batcher).health())
    assert (answer.status_code, json.loads(bytes(answer.body))) == (code, {"status": status, "waiting": 0})
    batcher.close()


def test_a_full_queue_refuses_and_what_nobody_waits_for_is_given_up() -> None:
    answering, gauges = Answering(), Gauges()
    answering.looks = False  # until both are late: else the worker may take the second

    async def run() -> None:
        batcher = Batcher([answering], Limits(questions=2, queue=2, seconds=0.2), gauges)
        tasks = await started(batcher, answering, (ONE, pairs("1", "2")))
        with pytest.raises(QueueFull):
            await batcher.answers(ONE, pairs("3"))
        assert batcher.waiting == 2
        for task in tasks:
            with pytest.raises(TookTooLong):
                await task
        assert batcher.waiting == 0
        answering.busy.clear()
        answering.looks = True
        again = asyncio.ensure_future(batcher.answers(ONE, pairs("4")))
        assert await asyncio.to_thread(answering.busy.wait, 10), "the worker gave up what it had"
        again.cancel()
        with pytest.raises(asyncio.CancelledError):
            await again
        batcher.close()

    asyncio.run(run())
    assert answering.asked == [["first"], ["4"]]
    assert gauges.registry.get_sample_value("qatk_questions_given_up_total") == 2
