"""The Python front door: play, play_sync, and what they refuse."""

from __future__ import annotations

import subprocess
import sys
from threading import current_thread
from typing import Any

import pytest

import equipoise
from equipoise.errors import InputError, ModelCallError, UnknownName
from equipoise.methods.single import Single
from equipoise.tasks import graders
from equipoise.team.problem import Problem
from equipoise.team.team import Team


def team_of(script: Any) -> Team:
    return Team(executors=(script.executor("a", "Answer: Blue!"), script.executor("b", "So it is.\nAnswer: red")))


async def test_a_text_question_is_answered_with_a_short_text(script: Any) -> None:
    episode = await equipoise.play("  What colour?  ", team_of(script), method="single(executor=b)")
    assert (episode.answer, episode.question, episode.calls) == ("red", "What colour?", 1)
    assert script.calls[0].texts[-1].startswith("What colour?\n")


async def test_a_problem_says_what_kind_of_answer_it_takes(script: Any) -> None:
    problem = Problem(id="n/1", question="How many?", kind=graders.grader("number"))
    team = Team(executors=(script.executor("a", "Answer: 1,200 eggs"),))
    episode = await equipoise.play(problem, team, method=Single())
    assert (episode.answer, episode.problem) == ("1200", "n/1")


def test_play_sync_keeps_one_loop_for_all_calls(script: Any) -> None:
    threads = []

    def reply(messages: Any) -> str:
        threads.append(current_thread())
        return "Answer: green"

    team = Team(executors=(script.executor("a", reply),))
    assert [equipoise.play_sync("Colour?", team, seed=seed).answer for seed in (1, 2)] == ["green", "green"]
    assert threads[0] is threads[1] is not current_thread()
    assert script.calls[0].config.seed != script.calls[1].config.seed


async def test_play_sync_works_inside_a_running_loop(script: Any) -> None:
    assert equipoise.play_sync("Colour?", team_of(script), method="single").answer == "blue!"


def test_play_sync_passes_errors_on(script: Any) -> None:
    team = Team(executors=(script.executor("a", "!connection refused"),))
    with pytest.raises(ModelCallError, match=r"a \(mockllm/a\) failed: RuntimeError: connection refused"):
        equipoise.play_sync("Colour?", team)


async def test_empty_questions_and_unknown_methods_are_refused_before_any_call(script: Any) -> None:
    with pytest.raises(InputError, match="question is empty"):
        await equipoise.play(" \n", team_of(script))
    with pytest.raises(UnknownName, match="Did you mean 'debate'"):
        await equipoise.play("Colour?", team_of(script), method="debates")
    assert script.calls == []


def test_a_program_that_played_ends_cleanly() -> None:
    program = (
        "from inspect_ai.model import ModelOutput, ModelUsage\n"
        "from equipoise import Team, play_sync\n"
        "said = ModelOutput.from_content('m', 'Answer: red').model_copy(update={'usage': ModelUsage()})\n"
        "model = {'name': 'a', 'model': 'mockllm/m', 'model_args': {'custom_outputs': lambda *_: said}}\n"
        "print(play_sync('Colour?', Team.from_dict({'executor': [model]})).answer)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", program],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "red\n", "")
