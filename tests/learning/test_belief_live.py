"""A live team as a source, and the trainer from a task to a policy that the method plays; with the embedded models."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from inspect_ai.model import ChatMessage

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from equipoise import models  # noqa: E402
from equipoise.errors import InputError, UnknownName  # noqa: E402
from equipoise.learning.belief import ANSWERS, POLICY, QUESTIONS, RESULT, BeliefConfig, train_belief  # noqa: E402
from equipoise.learning.belief_live import Asked, LiveTeam  # noqa: E402
from equipoise.learning.belief_questions import questions_of  # noqa: E402
from equipoise.learning.belief_settings import TrainingSettings  # noqa: E402
from equipoise.learning.belief_training import train  # noqa: E402
from equipoise.methods.method import parse  # noqa: E402
from equipoise.networks.belief_network import BeliefNetworkSettings  # noqa: E402
from equipoise.networks.belief_policy import BeliefPolicy, load_policy, save_policy  # noqa: E402
from equipoise.networks.text_embedding import TextEmbedder  # noqa: E402
from equipoise.tasks import graders  # noqa: E402
from equipoise.team import prompt as prompts  # noqa: E402
from equipoise.team.problem import Problem  # noqa: E402
from equipoise.team.team import Team  # noqa: E402

TINY = TrainingSettings(
    episodes=4,
    every=2,
    steps=1,
    buffer=4,
    batch=2,
    look_every=1,
    validation=2,
    network=BeliefNetworkSettings(belief=8, width=8, layers=1, heads=2, feedforward=8),
)
ARGS = {"families": "arithmetic", "n_per_family": 20, "split": "validation"}


def embedded_team() -> Team:
    assert models.__file__ is not None
    team = Team.from_toml(Path(models.__file__).parent / "embedded_team.toml")
    return team.model_copy(update={"max_tokens": 24})


@pytest.fixture(scope="module")
def embedder() -> TextEmbedder:
    return TextEmbedder()


def scripted(script: Any, *answers: str, **settings: Any) -> Team:
    executors = tuple(script.executor(name, f"Answer: {a}") for name, a in zip("abc", answers, strict=True))
    return Team(coordinator=script.coordinator("Multiply."), executors=executors, **settings)


ASKED = [
    Asked(problem=Problem(id=str(i), question=f"What is {i} times 2?", kind=graders.grader("number")), gold=str(2 * i))
    for i in range(4)
]
POINTS = np.array([[0.5, 0.3], [1.0, 0.5], [1.52, 0.9]])


async def test_a_stage_is_answered_graded_and_rewarded(script: Any, embedder: TextEmbedder) -> None:
    source = LiveTeam(scripted(script, "4", "6", "none"), ASKED, embedder)
    stage = await source.answer(2, POINTS, draw=0, worth=np.zeros(3))
    assert stage.parts[:, 1].tolist() == [1.0, 0.0, 0.0]
    assert stage.parts[2].tolist() == [0.0, 0.0, 0.0]  # nothing could be read in it
    assert stage.right  # a tie goes to the first executor
    sent = {c.agent: (c.config.temperature, c.config.top_p) for c in script.calls if c.agent != "lead"}
    assert sent == {"a": (0.5, 0.3), "b": (1.0, 0.5), "c": (1.52, 0.9)}
    assert stage.answers.shape == (3, embedder.size)
    assert np.linalg.norm(stage.answers, axis=1) == pytest.approx(1.0, abs=1e-5)
    valued = await source.answer(2, POINTS, draw=0, worth=np.array([0.1, 0.9, 0.5]))
    assert valued.right  # this source counts votes, whatever they are worth


async def test_votes_can_be_weighed_by_value(script: Any, embedder: TextEmbedder) -> None:
    source = LiveTeam(scripted(script, "4", "6", "6"), ASKED, embedder, rule="value")
    assert (await source.answer(2, POINTS, draw=0, worth=np.array([0.9, 0.1, 0.1]))).right
    assert not (await source.answer(2, POINTS, draw=0, worth=np.array([0.1, 0.1, 0.1]))).right


async def test_without_a_coordinator_nobody_plans_or_decides(script: Any, embedder: TextEmbedder) -> None:
    source = LiveTeam(scripted(script, "4", "6", "8"), ASKED, embedder, rule="coordinator", coordinator=False)
    assert (await source.answer(2, POINTS, draw=0, worth=np.zeros(3))).right
    assert [c.agent for c in script.calls] == ["a", "b", "c"]


async def test_what_was_asked_is_not_asked_again(script: Any, embedder: TextEmbedder, tmp_path: Path) -> None:
    team, file = scripted(script, "4", "6", "8"), tmp_path / "answers.jsonl"
    source = LiveTeam(team, ASKED, embedder, kept=file)
    first = await source.answer(2, POINTS, draw=0, worth=np.zeros(3))
    assert (len(script.calls), source.calls) == (4, 4)  # a plan and three answers
    await source.answer(2, POINTS, draw=0, worth=np.zeros(3))
    assert len(script.calls) == 4
    again = LiveTeam(team, ASKED, embedder, kept=file)
    stage = await again.answer(2, POINTS, draw=0, worth=np.zeros(3))
    assert len(script.calls) == 4 and again.calls == 0
    assert np.array_equal(stage.parts, first.parts)
    await again.answer(2, POINTS, draw=1, worth=np.zeros(3))
    await again.answer(2, POINTS + 0.1, draw=0, worth=np.zeros(3))
    assert len(script.calls) == 10


async def test_answers_kept_of_another_team_are_refused_and_a_torn_line_is_cut(
    script: Any, embedder: TextEmbedder, tmp_path: Path
) -> None:
    file = tmp_path / "answers.jsonl"
    team = scripted(script, "4", "6", "8", message_cap=60)
    await LiveTeam(team, ASKED, embedder, kept=file).answer(2, POINTS, draw=0, worth=np.zeros(3))
    whole = file.read_text()
    file.write_text(whole + '{"place": "half')
    await LiveTeam(team, ASKED, embedder, kept=file).answer(2, POINTS, draw=0, worth=np.zeros(3))
    assert file.read_text() == whole
    with pytest.raises(InputError, match="another team or seed"):
        LiveTeam(team, ASKED, embedder, kept=file, seed=1)
    lines = whole.split("\n")
    file.write_text("\n".join([lines[0], "{broken", *lines[1:]]))
    with pytest.raises(InputError, match="line 2, is damaged"):
        LiveTeam(team, ASKED, embedder, kept=file)


def test_questions_carry_their_keys() -> None:
    asked = questions_of("embedded", ARGS, skip=2, limit=3)
    assert len(asked) == 3
    assert all(item.right(item.gold) and not item.right("-1") and not item.right(None) for item in asked)
    with pytest.raises(UnknownName):
        questions_of("embeded", {})
    with pytest.raises(InputError, match="cannot be made"):
        questions_of("embedded", {"nonsense": 1})
    with pytest.raises(InputError, match="leaves none"):
        questions_of("embedded", ARGS, skip=1000)


def test_from_a_task_to_a_policy_that_is_played_and_grows(tmp_path: Path) -> None:
    config = BeliefConfig(task="embedded", task_args=ARGS, team=embedded_team(), training=TINY)
    seen: list[int] = []
    done = train_belief(config, tmp_path / "run", lambda at, total, note: seen.append(at))
    assert seen == [2, 4]
    ids = json.loads((tmp_path / "run" / QUESTIONS).read_text())
    assert sum(map(len, ids.values())) == 20
    result = json.loads((tmp_path / "run" / RESULT).read_text())
    assert [look["episodes"] for look in result["looks"]] == [0, 2, 4]
    used = (tmp_path / "run" / ANSWERS).read_text()
    assert not any(f'[\\"{name}\\"' in used for name in ids["test"])
    policy = load_policy(tmp_path / "run" / POLICY)
    for name, value in done.team.state_dict().items():
        assert torch.equal(value, policy.team.state_dict()[name])

    problems = {item.problem.id: item.problem for item in questions_of("embedded", ARGS)}
    method = parse(f"econ(policy='{tmp_path / 'run' / POLICY}',commitment=value)")
    with pytest.raises(InputError, match="learned from this very question"):
        asyncio.run(method.play(problems[ids["train"][0]], config.team, Random(0)))
    with pytest.raises(InputError, match="learned from"):
        asyncio.run(method.play(problems[ids["validation"][0]], config.team, Random(0)))
    problem = problems[ids["test"][0]]
    episode = asyncio.run(method.play(problem, config.team, Random(0)))
    assert 0 <= episode.measures["gap"] <= episode.measures["gap_before"]
    asked = [t for t in episode.turns if t.act == "answer" and t.round == 0]
    assert {t.sampling_temperature for t in asked} != {1.05}
    turned = config.team.model_copy(update={"executors": config.team.executors[::-1]})
    other = asyncio.run(method.play(problem, turned, Random(0)))
    settings = {t.agent: t.sampling_temperature for t in asked}
    assert {t.agent: t.sampling_temperature for t in other.turns if t.act == "answer" and t.round == 0} == settings
    with pytest.raises(InputError, match="this team has abacus, mason"):
        smaller = config.team.model_copy(update={"executors": config.team.executors[:2]})
        asyncio.run(method.play(problem, smaller, Random(0)))

    twin = config.team.executors[0].model_copy(update={"name": "twin"})
    larger = config.team.model_copy(update={"executors": (*config.team.executors, twin)})
    grown = replace(config, team=larger, grow_from=tmp_path / "run" / POLICY)
    more = train_belief(grown, tmp_path / "larger")
    for name, value in policy.team.state_dict().items():
        assert torch.equal(more.team.state_dict()[name], value), name
    assert load_policy(tmp_path / "larger" / POLICY).learned_from == policy.learned_from


def nine_scripted(script: Any) -> Team:
    def lead(messages: Sequence[ChatMessage]) -> str:
        text = messages[-1].text
        return "Multiply." if "short plan" in text else "Answer: " + re.findall(r"Answer: (\d+)", text)[-1]

    executors = tuple(script.executor(name, f"Answer: {i}") for i, name in enumerate("abcdefghi"))
    return Team(coordinator=script.coordinator(lead), executors=executors)


def test_nine_executors_train_and_play_under_three_local_coordinators(
    script: Any, embedder: TextEmbedder, tmp_path: Path
) -> None:
    problems = [replace(ASKED[0].problem, id=str(i), question=f"What is {i} times 2?") for i in range(30)]
    asked = [Asked(problem=each, gold=str(2 * i)) for i, each in enumerate(problems)]
    source = LiveTeam(nine_scripted(script), asked, embedder, rule="coordinator")
    done = train(source, TINY, tmp_path / "run")
    read = [len(re.findall("Solution", c.texts[-1])) for c in script.calls if prompts.DECIDE in c.texts[-1]]
    assert set(read) == {3} and len(read) % 4 == 0  # three clusters and the one above, in every stage of training
    save_policy(tmp_path / "policy", BeliefPolicy(team=done.team, embedder=embedder))

    base = embedded_team()
    executors = [base.executors[i % 3].model_copy(update={"name": name}) for i, name in enumerate("abcdefghi")]
    team = base.model_copy(update={"executors": tuple(executors)})
    problem = questions_of("embedded", ARGS)[0].problem
    method = parse(f"econ(policy='{tmp_path / 'policy'}')")
    episode, debate = (asyncio.run(m.play(problem, team, Random(0))) for m in (method, parse("debate")))
    judged = [t for t in episode.turns if t.act == "judge"]
    assert judged and all("Solution 4" not in t.prompt[-1].text for t in judged)
    assert {t.agent for t in episode.turns if t.act == "answer"} == set("abcdefghi")
    assert len({t.sampling_temperature for t in episode.turns if t.act == "answer" and t.round == 0}) > 3
    assert episode.calls <= debate.calls == 27
    assert episode.input_tokens + episode.output_tokens <= debate.input_tokens + debate.output_tokens
    assert 0 <= episode.measures["gap"] <= episode.measures["gap_before"]
    full = parse(f"econ(policy='{tmp_path / 'policy'}',information=full)")
    said = "the policy has learned with private answers, and here executors read each other's"
    assert said in asyncio.run(full.play(problem, nine_scripted(script), Random(0))).remarks
    assert said not in episode.remarks


def test_a_policy_that_is_damaged_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    from equipoise.networks import checkpoint

    checkpoint.save(tmp_path, {}, config={"kind": "other"})
    with pytest.raises(InputError, match="holds no policy of econ"):
        load_policy(tmp_path)
    checkpoint.save(tmp_path, {}, config={"kind": "econ", "executors": ["a"]})
    with pytest.raises(InputError, match="is damaged"):
        load_policy(tmp_path)
