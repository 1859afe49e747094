"""The replay provider: what was recorded comes back to the letter, what was not is an error that names it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, Model, ModelOutput, get_model

from equipoise.beliefs import vote
from equipoise.errors import InputError, ModelCallError, NotRecorded, RecordingError, UnknownName
from equipoise.models import replay
from equipoise.recordings import Row, write
from equipoise.team.agent import Executor
from equipoise.team.control import Control, ControlSet
from equipoise.team.problem import Problem
from equipoise.team.team import Team
from equipoise.team.turns import Turns

PROGRAM = "def solver():\n    return 2 + 3  # Answer: 23"


class Last:
    """Answers that stand after "Answer: "; a program's own text misleads it."""

    name = "last"
    instruction = "End with an answer."

    def read(self, text: str, problem: Problem) -> str | None:
        return text.rpartition("Answer: ")[2].strip() or None

    def verify(self, key: str, problem: Problem) -> bool | None:
        return None


def row(**changes: Any) -> Row:
    fields: dict[str, Any] = {
        "benchmark": "sums",
        "qid": "q1",
        "question": "What is 2 + 3?",
        "gold": "5",
        "agent": "ant",
        "strategy": "direct",
        "sample": 0,
        "response": "Answer: 5",
        "answer": "5",
        "key": "5",
        "correct": True,
        "out_tokens": 3,
    }
    return Row(**(fields | changes))


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "r.jsonl.gz"
    rows = [
        row(),
        row(sample=1, response="Answer: 6", answer="6", out_tokens=7, in_tokens=21),
        row(strategy="pot", response=PROGRAM, out_tokens=12),
        row(agent="bee", strategy="steps", response="Answer: none", answer=None, key=None),
        row(agent="bee", strategy="steps", qid="q2", question="What is 2 + 3? And 1 more?", answer="6"),
    ]
    write(path, rows)
    return path


def model(recording: Path, agent: str = "ant", **arguments: Any) -> Model:
    return get_model(f"replay/{agent}", recording=str(recording), **arguments)


def tagged(**changes: Any) -> ChatMessageUser:
    tag = {"id": "q1", "question": "What is 2 + 3?", "strategy": "direct", "sample": 0, "act": "answer"} | changes
    return ChatMessageUser(content="whatever the wording", metadata={"equipoise": tag})


async def ask(model: Model, *messages: Any) -> ModelOutput:
    return await model.generate(list(messages))


async def test_a_recorded_tuple_comes_back(recording: Path) -> None:
    output = await ask(model(recording), ChatMessageSystem(content="Be brief."), tagged(sample=1))
    assert output.completion == "Answer: 6"
    assert output.usage is not None
    assert (output.usage.input_tokens, output.usage.output_tokens, output.usage.total_tokens) == (21, 7, 28)
    assert output.metadata == {"equipoise": {"answer": "6", "key": "5"}}


async def test_unrecorded_input_tokens_count_nothing(recording: Path) -> None:
    output = await ask(model(recording), tagged(strategy="pot"))
    assert output.usage is not None
    assert (output.usage.input_tokens, output.usage.output_tokens) == (0, 12)


async def test_a_question_of_another_id_is_found_by_its_text(recording: Path) -> None:
    assert (await ask(model(recording), tagged(id="17"))).completion == "Answer: 5"


async def test_the_recording_may_call_the_strategy_otherwise(recording: Path) -> None:
    output = await ask(model(recording, recording_strategy="pot"), tagged(strategy="step_by_step"))
    assert output.completion == PROGRAM


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sample": 2}, "question 'q1', agent 'ant', strategy 'direct', sample 2 was never recorded.*has 2 samples"),
        ({"strategy": "steps"}, "strategy 'steps'.*Strategies of 'ant': direct, pot"),
        ({"id": "q7", "question": "Eh?"}, "no question 'q7' 'Eh.'.*Run the task that was recorded"),
        ({"id": "q2", "question": "What is 2 + 3? And 1 more?"}, "'ant.direct' covers 1 of 2 questions"),
        (
            {"act": "revise", "sample": 3},
            r"question 'q1', agent 'ant', strategy 'direct', sample 3, act 'revise' was never recorded.*"
            r"'direct' \(2\), 'pot' \(1\).*only selects among answers, or give this agent a live model",
        ),
        ({"act": "plan", "strategy": None}, "strategy 'None', sample 0, act 'plan' was never recorded"),
    ],
)
async def test_what_was_never_recorded_is_an_error(recording: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(NotRecorded, match=says):
        await ask(model(recording), tagged(**changes))


async def test_an_id_with_another_text_is_an_error(recording: Path) -> None:
    with pytest.raises(RecordingError, match="'q1' is recorded with another text"):
        await ask(model(recording), tagged(question="What is 2 + 4?"))


async def test_a_foreign_prompt_is_matched_by_the_question_in_it(recording: Path) -> None:
    bee = model(recording, "bee")
    short = await ask(bee, ChatMessageUser(content="Solve.\nWhat is 2 + 3?\nEnd with a number."))
    long = await ask(bee, ChatMessageUser(content="Solve.\nWhat is 2 + 3? And 1 more?\nEnd with a number."))
    assert (short.completion, long.completion) == ("Answer: none", "Answer: 5")


@pytest.mark.parametrize(
    ("agent", "prompt", "says"),
    [
        ("bee", "What is 7 + 3?", "contains 0 recorded questions"),
        ("bee", "What is 2 + 3? … What is 2 + 3?", "a recorded question more than once"),
        ("ant", "What is 2 + 3?", "several strategies: direct, pot.*recording_strategy"),
    ],
)
async def test_a_foreign_prompt_must_be_clear(recording: Path, agent: str, prompt: str, says: str) -> None:
    with pytest.raises(NotRecorded, match=says):
        await ask(model(recording, agent), ChatMessageUser(content=prompt))


async def test_a_foreign_prompt_is_read_from_the_user_only(recording: Path) -> None:
    said = ChatMessageAssistant(content="What is 2 + 3?")
    with pytest.raises(NotRecorded, match="contains 0"):
        await ask(model(recording, "bee"), said, ChatMessageUser(content="Go on."))


def test_arguments_are_checked(recording: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"replay/ant: no recording is named.*recording=FILE"):
        get_model("replay/ant")
    with pytest.raises(UnknownName, match=r"no recorded agent 'amt'. Did you mean 'ant'"):
        model(recording, "amt")
    with pytest.raises(UnknownName, match="no strategy of 'bee' in the recording 'direct'"):
        model(recording, "bee", recording_strategy="direct")
    with pytest.raises(UnknownName, match="Did you mean 'recording'"):
        model(recording, recordings="x")
    with pytest.raises(RecordingError, match=r"no recording '.*none.jsonl'"):
        model(tmp_path / "none.jsonl")


def test_a_file_is_read_once_for_all_agents_and_again_when_changed(recording: Path) -> None:
    ant, bee = model(recording), model(recording, "bee")
    assert ant.api.recording is bee.api.recording  # pyright: ignore[reportAttributeAccessIssue]
    before = replay.load(recording)
    write(recording, [row(agent="wasp")])
    os.utime(recording, ns=(1, 1))
    assert replay.load(recording) is not before
    assert replay.load(recording).agents == ["wasp"]


def team(recording: Path, *agents: str, strategies: tuple[str, ...], **settings: Any) -> Team:
    executors = tuple(Executor(name=a, model=f"replay/{a}", model_args={"recording": str(recording)}) for a in agents)
    own = {strategy: f"Do {strategy}." for strategy in strategies}
    return Team(executors=executors, controls=ControlSet(strategies=strategies), strategies=own, **settings)


def problem(qid: str = "q1", question: str = "What is 2 + 3?") -> Problem:
    return Problem(id=qid, question=question, kind=Last())


async def test_a_turn_votes_with_the_recorded_extraction(recording: Path) -> None:
    players = team(recording, "ant", strategies=("pot", "direct"))
    turns = Turns(problem(), players, seed=1)
    program = await turns.answer(players.executor("ant"), Control(strategy="pot"))
    assert (program.response, program.key) == (PROGRAM, "5")
    keys = [(await turns.answer(players.executor("ant"), Control(strategy="direct"))).key for _ in range(2)]
    assert keys == ["5", "6"]


async def test_a_recorded_null_is_no_answer(recording: Path) -> None:
    players = team(recording, "bee", strategies=("steps",))
    turn = await Turns(problem(), players, seed=1).answer(players.executor())
    assert (turn.response, turn.key) == ("Answer: none", None)


async def test_a_missing_tuple_leaves_turns_as_it_is(recording: Path) -> None:
    players = team(recording, "bee", strategies=("steps",))
    with pytest.raises(NotRecorded):
        await Turns(problem("q3", "Who?"), players, seed=1).answer(players.executor())
    assert not issubclass(NotRecorded, ModelCallError)


async def test_a_team_of_recorded_models_votes_as_known(shared_data: Path) -> None:
    pool = json.loads((shared_data / "pools.json").read_text())["gsm_mid5"]
    path = shared_data / "recorded" / pool["recording"]
    agents = [column.split("|")[0] for column in pool["columns"]]
    players = team(path, *agents, strategies=("json_reason_0shot",))
    recorded = replay.load(path)
    right, asked = 0, recorded.qids[:60]
    for qid in asked:
        turns = Turns(problem(qid, recorded.questions[qid]), players, seed=1)
        answers = await turns.together(turns.answer(executor) for executor in players.executors)
        # The raw extractions differ in form ("18.0", "18"); the recorded keys count as the reader's here.
        keys = [recorded.row(qid, agent, "json_reason_0shot").key for agent in agents]
        assert [a.response for a in answers] == [recorded.row(qid, a, "json_reason_0shot").response for a in agents]
        winner = vote.winner(vote.shares(keys))
        right += any(
            recorded.row(qid, a, "json_reason_0shot").correct
            and recorded.row(qid, a, "json_reason_0shot").key == winner
            for a in agents
        )
    assert right >= 56
