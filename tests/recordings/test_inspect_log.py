"""Recordings out of Inspect logs: a team's answers, turn by turn, or a plain model's."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageUser, Model, ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import match
from inspect_ai.solver import Generate, Solver, TaskState, generate, solver

from equipoise.errors import RecordingError
from equipoise.recordings import read

# Inspect leaves streams of its own to the garbage collector.
QUESTIONS = [Sample(id="q1", input="What is 2 + 3?", target="5"), Sample(id="q2", input="What is 4 + 4?", target="8")]


def turn(agent: str, key: str | None, **changes: Any) -> dict[str, Any]:
    return {
        "agent": agent,
        "model": f"lab/{agent}",
        "act": "answer",
        "round": 0,
        "strategy": "direct",
        "sample": 0,
        "response": f"{agent} says {key}",
        "key": key,
        "input_tokens": 11,
        "output_tokens": 4,
    } | changes


def played(turns: Callable[[TaskState], list[dict[str, Any]]]) -> Solver:
    @solver
    def playing() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            state.output.completion = str(state.target.text)
            state.store.set(
                "equipoise:episode",
                {
                    "problem": str(state.sample_id),
                    "question": state.input_text,
                    "answer": state.target.text,
                    "turns": turns(state),
                },
            )
            return state

        return solve

    return playing()


def parrot() -> Model:
    """Says 5, twice."""
    outputs = [ModelOutput.from_content("parrot", text) for text in ["It is 5", "It is 5"]]
    for output in outputs:
        output.usage = ModelUsage(input_tokens=6, output_tokens=3, total_tokens=9)
    return get_model("mockllm/parrot", custom_outputs=outputs)


def logged(folder: Path, plan: Solver, epochs: int = 1) -> Path:
    task = Task(dataset=QUESTIONS, solver=plan, scorer=match(), name="sums", epochs=epochs)
    (log,) = eval(task, model=parrot(), log_dir=str(folder), display="none", log_format="eval")
    assert log.status == "success", log.error
    return Path(log.location.removeprefix("file://"))


def test_each_answer_of_an_episode_is_a_row(tmp_path: Path) -> None:
    def turns(state: TaskState) -> list[dict[str, Any]]:
        return [
            turn("bee", "9", sample=1),
            turn("ant", state.target.text, strategy="steps"),
            turn("bee", None),
            turn("lead", None, act="plan", strategy=None),
            turn("bee", "7", act="revise"),
        ]

    recording = read(logged(tmp_path, played(turns), epochs=2))
    assert sorted(recording.columns()) == ["ant|steps", "bee|direct"]
    assert sorted(recording.qids) == ["q1", "q2"]
    assert [recording.row("q1", "bee", "direct", i).key for i in range(4)] == [None, "9", None, "9"]
    row = recording.row("q2", "ant", "steps", 0)
    assert (row.benchmark, row.gold, row.key, row.correct) == ("sums", "8", "8", True)
    assert (row.out_tokens, row.in_tokens, row.response) == (4, 11, "ant says 8")
    assert recording.row("q1", "bee", "direct", 0).correct is False
    assert recording.row("q1", "bee", "direct", 1).correct is None
    assert recording.samples("q2", "ant", "steps") == 2


def test_a_plain_model_gives_one_row_per_sample(tmp_path: Path) -> None:
    recording = read(logged(tmp_path, generate()))
    assert recording.columns() == ["mockllm/parrot|plain"]
    row = recording.row("q1", "mockllm/parrot", "plain")
    assert (row.question, row.gold, row.response, row.correct) == ("What is 2 + 3?", "5", "It is 5", True)
    assert (row.out_tokens, row.in_tokens) == (3, 6)
    assert recording.row("q2", "mockllm/parrot", "plain").correct is False


async def test_a_log_can_be_replayed(tmp_path: Path) -> None:
    def turns(state: TaskState) -> list[dict[str, Any]]:
        return [turn("ant", state.target.text)]

    # Inspect's eval wants a thread of its own where a loop runs already.
    path = await asyncio.to_thread(logged, tmp_path, played(turns))
    replayed = get_model("replay/ant", recording=str(path))
    output = await replayed.generate([ChatMessageUser(content="What is 4 + 4?")])
    assert output.completion == "ant says 8"


def test_a_damaged_episode_names_its_sample(tmp_path: Path) -> None:
    def turns(state: TaskState) -> list[dict[str, Any]]:
        return [{"agent": "ant"}]

    with pytest.raises(RecordingError, match=r"sample 'q1' epoch 1: its episode lacks 'act'"):
        read(logged(tmp_path, played(turns)))
