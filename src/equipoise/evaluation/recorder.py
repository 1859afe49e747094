"""Records what every executor answers to every question under every control: the calls of a `Plan`, to a file.

A recording costs questions × columns × samples calls, once; after that any method that only selects among answers is
judged on it for nothing. Prompts, seeds and vote keys are those of a live team in the first epoch of an evaluation with
the same seed, because both go through `Turns`. Answers are graded by the task's own scorer.

Every response is on the disk before it counts as done. What is on the disk is never asked again, so a recording can be
stopped at any moment, also by a kill or a full disk, at the cost of the calls in flight; the same plan goes on from
there. A call that fails gives no row: it is counted with its cause, and asked again the next time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from inspect_ai import Task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import Scorer, Target

from equipoise.errors import EquipoiseError, InputError, ModelCallError, WriteError
from equipoise.evaluation.grid import chosen, ready, task_of
from equipoise.evaluation.recorded import Recorded, Tally
from equipoise.evaluation.recording_plan import Plan, claim, settings_file
from equipoise.evaluation.results import outcome_of
from equipoise.evaluation.settings import Connection
from equipoise.evaluation.solvers import Patience, answered, rng_of
from equipoise.recordings import Recording, Row, Writer, read
from equipoise.tasks.task import problem_of, state_of
from equipoise.team.column import Column
from equipoise.team.episode import Episode, Turn
from equipoise.team.problem import Problem
from equipoise.team.turns import Turns

CALLS_AT_ONCE = 20
"""Calls of one executor in flight, unless the connection says otherwise; Inspect begins with as many connections."""

Progress = Callable[[bool, Tally], None]
"""Told after each call whether it was answered rather than failed, and what was spent so far."""

Begin = Callable[[int, int], Progress]
"""Told how many calls the recording needs and how many of them it holds already."""


@dataclass(frozen=True, kw_only=True)
class _Question:
    """A question with what its scorer needs."""

    sample: Sample
    problem: Problem


@dataclass(frozen=True, kw_only=True)
class _Call:
    """One call to make."""

    question: _Question
    column: Column
    sample: int

    @property
    def place(self) -> tuple[str, str, str, int]:
        """What tells it from all other calls."""
        return self.question.problem.id, self.column.executor.name, self.column.strategy, self.sample


def record(
    plan: Plan,
    out: Path,
    *,
    connection: Connection = Connection(),  # noqa: B008  (frozen)
    begin: Begin | None = None,
    tell: Callable[[str], None] = lambda message: None,
) -> Recorded:
    """What became of a plan, whose responses lie in `out` afterwards.

    Args:
        plan: what to record.
        out: a new `.jsonl.gz` file, or the one of an equal or smaller plan, which is then completed.
        connection: how endpoints are called.
        begin: see `Begin`.
        tell: hears in a sentence what was repaired.

    Raises:
        InputError: the plan cannot be recorded as it stands, or `out` holds another recording or is in use.
        RecordingError: `out` is damaged, or asks its questions in other words.
        WriteError: the disk is full; says how many responses are safe.
        KeyboardInterrupt: stopped from outside; what came back is in the file.
    """
    columns = list(plan.team.columns().values())
    at_once = connection.max_connections or CALLS_AT_ONCE
    # Inspect's own pool is wide enough for the usual number, and shrinks while an endpoint limits rates.
    pooled = replace(connection, max_connections=at_once if at_once > CALLS_AT_ONCE else None)
    for executor in plan.team.executors:
        ready(executor, pooled)
    task = task_of(plan.task)
    questions = _questions(task, plan)
    if any(column.control.strategy == "few_shot" for column in columns):
        _need_examples(questions)
    calls = [_Call(question=q, column=c, sample=k) for q in questions for k in range(plan.samples) for c in columns]
    _make_folder(out)
    with Writer(out, cut_damage=settings_file(out).exists()) as writer:
        if writer.cut_bytes:
            tell(f"the last {writer.cut_bytes} bytes of '{out}' were half a response, and were cut off.")
        held = read(out) if out.stat().st_size else Recording(source=str(out))
        claim(plan, out=out, begun=len(held) > 0)
        tally = _tally_of(held, calls, plan)
        missing = [call for call in calls if call.place not in tally.places]
        progress = begin(len(calls), len(calls) - len(missing)) if begin else None
        recorder = _Recorder(plan, task, writer, tally, progress)
        try:
            asyncio.run(recorder.run(missing, at_once))
        except WriteError as error:
            raise WriteError(
                f"{error}. {tally.rows} responses are safe in it. Make room, and the same command goes on."
            ) from error
    return tally.recorded(out, wanted=len(calls))


def _questions(task: Task, plan: Plan) -> list[_Question]:
    found = []
    for place in chosen(task, skip=plan.skip, limit=plan.limit):
        sample = task.dataset[place]
        if sample.id is None:
            sample = sample.model_copy(update={"id": place + 1})  # as Inspect numbers them
        found.append(_Question(sample=sample, problem=problem_of(state_of(sample))))
    return found


def _need_examples(questions: list[_Question]) -> None:
    for question in questions:
        if not question.problem.examples:
            raise InputError(
                f"problem '{question.problem.id}' has no worked examples, which the strategy 'few_shot' needs. "
                "Take it out of the team's strategies."
            )


def _make_folder(out: Path) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"cannot make the folder '{out.parent}': {error.strerror or error}.") from None


def _tally_of(held: Recording, calls: list[_Call], plan: Plan) -> Tally:
    """The account of what is recorded already.

    Raises:
        RecordingError: a recorded question reads otherwise now.
    """
    texts = {call.question.problem.id: call.question.problem.question for call in calls}
    known = set(held.qids)
    for qid, text in texts.items():
        if qid in known:
            held.find_question(qid, text)
    tally = Tally(list(plan.team.columns().values()))
    wanted = {call.place for call in calls}
    for row in held:
        tally.keep(row, wanted=(row.qid, row.agent, row.strategy, row.sample) in wanted)
    return tally


class _Recorder:
    """Makes calls and writes down what comes back."""

    def __init__(self, plan: Plan, task: Task, writer: Writer, tally: Tally, progress: Progress | None) -> None:
        self._plan = plan
        self._scorer: Scorer | None = next(iter(task.scorer or ()), None)
        self._writer = writer
        self._tally = tally
        self._progress = progress

    async def run(self, calls: list[_Call], at_once: int) -> None:
        """Makes all calls, so many of each executor at the same time: a slow one holds up no other."""
        queues: dict[str, Iterator[_Call]] = {
            name: iter([call for call in calls if call.column.executor.name == name])
            for name in dict.fromkeys(call.column.executor.name for call in calls)
        }
        patience = {name: Patience("calls") for name in queues}
        await asyncio.gather(*(self._work(queues[name], patience[name]) for name in queues for _ in range(at_once)))

    async def _work(self, queue: Iterator[_Call], patience: Patience) -> None:
        for call in queue:
            try:
                patience.check()
            except ModelCallError as error:
                self._failed(error)
                continue
            try:
                turn = await self._ask(call)
            except ModelCallError as error:
                patience.failed(error)
                self._failed(error)
            except EquipoiseError as error:
                self._failed(error)
            else:
                patience.succeeded()
                await self._answered(call, turn)

    async def _ask(self, call: _Call) -> Turn:
        """One answer, asked for as in a live team."""
        problem = call.question.problem
        seed = rng_of(self._plan.seed, problem.id, 1).getrandbits(31)
        turns = Turns(problem, self._plan.team, seed, first_sample=call.sample)
        return await turns.answer(call.column.executor, call.column.control)

    def _failed(self, error: EquipoiseError) -> None:
        self._tally.fail(str(error))
        if self._progress:
            self._progress(False, self._tally)

    async def _answered(self, call: _Call, turn: Turn) -> None:
        row = _row(self._plan.task.name, call, turn, await self._correct(call, turn))
        self._writer.append(row)
        self._tally.keep(row, wanted=True)
        self._tally.spend(turn)
        if self._progress:
            self._progress(True, self._tally)

    async def _correct(self, call: _Call, turn: Turn) -> bool | None:
        """Whether the task's scorer takes the answer; None where it cannot say, since a paid response is kept."""
        if self._scorer is None:
            return None
        problem = call.question.problem
        episode = Episode(
            problem=problem.id,
            question=problem.question,
            method="record",
            answer=turn.key,
            response=turn.response,
            stop="done" if turn.key is not None else "no_answer",
            beliefs={},
            turns=(turn,),
            seconds=turn.seconds,
        )
        sample = call.question.sample
        try:
            score = await self._scorer(answered(state_of(sample), episode), Target(sample.target))
        except Exception as error:  # a scorer of another package raises what it raises
            self._tally.ungraded[f"{type(error).__name__}: {error}"[:300]] += 1
            return None
        return None if score is None else outcome_of(score) == "correct"


def _row(benchmark: str, call: _Call, turn: Turn, correct: bool | None) -> Row:
    target = call.question.sample.target
    control: dict[str, Any] = call.column.control.model_dump(mode="json")
    return Row(
        benchmark=benchmark,
        qid=call.question.problem.id,
        question=call.question.problem.question,
        gold=target if isinstance(target, str) else next(iter(target), ""),
        agent=turn.agent,
        strategy=call.column.strategy,
        sample=turn.sample,
        response=turn.response,
        answer=turn.key,
        key=turn.key,
        correct=correct,
        out_tokens=turn.output_tokens,
        in_tokens=turn.input_tokens,
        model=turn.model,
        control=control,
        seconds=turn.seconds,
        truncated=turn.truncated,
        refused=turn.refused,
    )
