"""The contract of every task: a benchmark becomes an Inspect task, and a sample becomes a problem for a team.

A task is one file in this folder with an Inspect `@task` function named like the file. A benchmark's file describes
where its data lie and how one record becomes a question; reading, checking and scoring are here. Methods see a
`Problem`; the gold answer stays in the sample's target, which only the scorer reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from anyio import to_thread
from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageUser, ModelName
from inspect_ai.scorer import (
    CORRECT,
    INCORRECT,
    NOANSWER,
    Score,
    Scorer,
    Target,
    accuracy,
    scorer,
    stderr,
)
from inspect_ai.solver import TaskState, generate, prompt_template

import equipoise.tasks as package
from equipoise import plugins
from equipoise.errors import InputError
from equipoise.recordings.inspect_log import EPISODE
from equipoise.tasks import graders
from equipoise.tasks._source import Hub, Record, from_file, from_hub
from equipoise.team.problem import Example, Problem

CONTRACTS = {"task", "family"}
"""Files of this folder that are not tasks: the contract of tasks and that of puzzle families."""

CHECKED_KINDS = frozenset({"expression", "plan"})
"""Answer kinds that need no answer key: an answer is right where it passes the kind's own check."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question of a benchmark.

    Attributes:
        id: the same wherever the question appears, as in recordings.
        text: the question, without any instruction on how to answer.
        gold: the answer key.
        context: public facts for readers and verifiers; see `Problem`.
    """

    id: str
    text: str
    gold: str
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A published set of questions.

    Attributes:
        name: the file's name.
        title: as in its paper.
        kind: name of the answer kind.
        hub: where its data lie; None if only a local file can be used.
        question: the question of a record, given the record's number from 0; None for a record that is not part of
            this benchmark. May raise KeyError or ValueError for a record that cannot be used.
        examples: worked examples in words of our own, none of them in the benchmark.
        reference: the paper.
        licence: of the data.
    """

    name: str
    title: str
    kind: str
    hub: Hub | None
    question: Callable[[Record, int], Question | None]
    examples: tuple[Example, ...]
    reference: str
    licence: str


def as_task(benchmark: Benchmark, data: str | None = None) -> Task:
    """The Inspect task of a benchmark.

    Args:
        benchmark: what to ask.
        data: a local file of JSON lines; the hub's data at the pinned revision when None.

    Raises:
        InputError: the data cannot be used; says where and why.
        MissingExtra: the hub's data are asked for and its client is not installed.
    """
    if data is None and benchmark.hub is None:
        raise InputError(f"{benchmark.title} is not on the hub. Give a local file of JSON lines: data=FILE.")
    source = data or str(benchmark.hub)
    records = from_file(Path(data)) if data else from_hub(benchmark.hub)  # pyright: ignore[reportArgumentType]
    samples = [
        sample_of(benchmark.name, benchmark.kind, question, benchmark.examples)
        for question in _questions(benchmark, records)
    ]
    return assemble(benchmark.name, samples, source)


def sample_of(benchmark: str, kind: str, question: Question, examples: Iterable[Example], **metadata: str) -> Sample:
    """A sample that `problem_of` can read: only the question as input, all else in the metadata."""
    return Sample(
        id=question.id,
        input=question.text,
        target=question.gold,
        metadata={
            "kind": kind,
            "benchmark": benchmark,
            "context": dict(question.context),
            "examples": [asdict(example) for example in examples],
            "instruction": graders.grader(kind).instruction,
            **metadata,
        },
    )


def assemble(name: str, samples: list[Sample], source: str) -> Task:
    """An Inspect task over samples; a model without a method is asked once, with the answer kind's instruction.

    Raises:
        InputError: there is no sample, or two have the same id.
    """
    if not samples:
        raise InputError(f"{source} holds no question of {name}. Give a file with at least one.")
    seen: set[Any] = set()
    for sample in samples:
        if sample.id in seen:
            raise InputError(f"{source} holds question '{sample.id}' twice. Remove one.")
        seen.add(sample.id)
    return Task(
        name=name,
        dataset=MemoryDataset(samples, name=name, location=source),
        solver=[prompt_template("{prompt}\n{instruction}"), generate()],
        scorer=graded(),
        metadata={"benchmark": name, "source": source},
    )


def available() -> list[str]:
    """Names of all tasks."""
    return plugins.names(package, contracts=CONTRACTS)


def load(name: str) -> Callable[..., Task]:
    """The Inspect task function of a name.

    Raises:
        UnknownName: there is no such task; says the nearest one.
    """
    return getattr(plugins.load(package, name, what="task", contracts=CONTRACTS), name)


def kind_of(benchmark: str) -> str | None:
    """The answer kind of a benchmark that is a task here; None where it is none.

    Args:
        benchmark: its name as recordings write it: "planbench/blocksworld_3" is of the task planbench_blocksworld.
    """
    words = re.sub(r"\W+", "_", benchmark)
    for name in available():
        if re.search(rf"(?:^|_){name}(?:_|$)", words):
            described = getattr(plugins.load(package, name, what="task", contracts=CONTRACTS), "BENCHMARK", None)
            return described.kind if described else None
    return None


def problem_of(state: TaskState) -> Problem:
    """The problem of a sample of ours or of any other Inspect task, without its gold answer.

    A foreign sample with choices asks for a letter, and the options follow the question; any other asks for text.
    """
    metadata = state.metadata or {}
    if metadata.get("benchmark") in available() and metadata.get("kind") in graders.available():
        return Problem(
            id=str(state.sample_id),
            question=state.input_text,
            kind=graders.grader(metadata["kind"]),
            examples=tuple(Example(**example) for example in metadata.get("examples", ())),
            context=metadata.get("context", {}),
        )
    options = {chr(ord("A") + i): choice.value for i, choice in enumerate(state.choices)}
    lines = [state.input_text, *(f"({letter}) {text}" for letter, text in options.items())]
    return Problem(
        id=str(state.sample_id),
        question="\n".join(lines),
        kind=graders.grader("choice" if options else "text"),
        context={"choices": options} if options else {},
    )


def state_of(sample: Sample) -> TaskState:
    """The state in which a sample begins."""
    asked = [ChatMessageUser(content=sample.input)] if isinstance(sample.input, str) else sample.input
    return TaskState(
        model=ModelName("equipoise/sample"),
        sample_id=sample.id if sample.id is not None else "",
        epoch=1,
        input=sample.input,
        messages=[*asked],
        target=Target(sample.target),
        choices=sample.choices,
        metadata=sample.metadata,
    )


@scorer(metrics=[accuracy(), stderr()])
def graded() -> Scorer:
    """Grades the answer of the sample's episode, or of the model's output where no method played.

    `Score.metadata["outcome"]` is correct, wrong, no_answer or refused: a missing answer is not correct, and is
    counted apart from a wrong one.
    """

    async def score(state: TaskState, target: Target) -> Score:
        problem = problem_of(state)
        key, response, refused = _answered(state, problem)
        if key is None:
            reason = "refusal" if refused else "invalid_response_format" if response.strip() else "no_response"
            outcome = "refused" if refused else "no_answer"
            return Score(value=NOANSWER, explanation=response, reason=reason, metadata={"outcome": outcome})
        # In a thread: mathematics may take seconds, in which other questions' calls go on.
        right = await to_thread.run_sync(graders.grader(problem.kind.name).grade, key, target.text, problem)
        return Score(
            value=CORRECT if right else INCORRECT,
            answer=key,
            explanation=response,
            metadata={"outcome": "correct" if right else "wrong"},
        )

    return score


def _answered(state: TaskState, problem: Problem) -> tuple[str | None, str, bool]:
    """The canonical answer, the text that carries it, and whether a provider refused to answer."""
    episode = state.store.get(EPISODE)
    if episode is not None:
        refused = any(turn.get("refused", False) for turn in episode.get("turns", ()))
        return episode["answer"], episode["response"], refused
    refused = bool(state.output.choices) and state.output.stop_reason == "content_filter"
    response = state.output.completion
    return problem.read(response), response, refused


def _questions(benchmark: Benchmark, records: Iterable[tuple[str, Record]]) -> Iterable[Question]:
    """The questions of some records, each checked.

    Raises:
        InputError: a record lacks a field, has an empty question or no answer key.
    """
    for number, (where, record) in enumerate(records):
        try:
            question = benchmark.question(record, number)
        except KeyError as error:
            raise InputError(
                f"{where}: a record of {benchmark.name} needs the field {error}; it has {', '.join(record) or 'none'}."
            ) from None
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError(f"{where}: this record of {benchmark.name} cannot be used: {error}.") from None
        if question is None:
            continue
        if not question.text.strip():
            raise InputError(f"{where}: question '{question.id}' is empty.")
        if not question.gold.strip():
            raise InputError(f"{where}: question '{question.id}' has no answer key. Add one, or remove the question.")
        yield question
