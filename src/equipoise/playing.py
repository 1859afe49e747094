"""The front door from Python: a question and a team in, an Episode out."""

from __future__ import annotations

import asyncio
import atexit
from functools import cache
from random import Random
from threading import Thread

from equipoise.errors import InputError
from equipoise.methods.method import Method, parse
from equipoise.tasks import graders
from equipoise.team.episode import Episode
from equipoise.team.problem import Problem
from equipoise.team.team import Team


async def play(
    question: str | Problem, team: Team, *, method: str | Method = "majority_vote", seed: int = 0
) -> Episode:
    """What the team answers and what it cost.

    Args:
        question: a text, answered with a short text; or a `Problem`, which says what kind of answer it takes.
        team: who is asked.
        method: a name, a name with parameters such as "debate(rounds=3)", or a `Method`.
        seed: with equal seeds and models that honour them, equal episodes.

    Raises:
        InputError: the question is empty, or there is no such method.
        ModelCallError: an endpoint failed.
    """
    problem = _problem(question) if isinstance(question, str) else question
    chosen = parse(method) if isinstance(method, str) else method
    return await chosen.play(problem, team, Random(seed))


def play_sync(question: str | Problem, team: Team, *, method: str | Method = "majority_vote", seed: int = 0) -> Episode:
    """As `play`, for code that is not asynchronous; works in a notebook too."""
    future = asyncio.run_coroutine_threadsafe(play(question, team, method=method, seed=seed), _loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()  # Ctrl-C here must also end the calls over there
        raise


def _problem(question: str) -> Problem:
    if not question.strip():
        raise InputError("the question is empty. Write one, or pass a Problem.")
    return Problem(id="question", question=question.strip(), kind=graders.grader("text"))


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """An event loop in a thread of its own.

    It runs until the program ends, because models are kept between calls and their connections belong to one loop.
    """
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="equipoise", daemon=True)
    thread.start()

    def close() -> None:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    atexit.register(close)
    return loop
