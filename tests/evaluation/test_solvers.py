from __future__ import annotations

import pytest
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import get_model
from inspect_ai.scorer import choice, match
from inspect_ai.util import registry_create

from equipoise.errors import UnknownName
from equipoise.evaluation.solvers import solver_of
from equipoise.methods.method import available
from equipoise.tasks.task import EPISODE


def run(task: Task, model: str | None = None):
    (log,) = eval(task, model=model, display="none", log_format="json", log_level="error", ctl_server=False)
    assert log.status == "success", log.error
    return log


@pytest.fixture(autouse=True)
def _logs_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("INSPECT_LOG_DIR", str(tmp_path))


@pytest.mark.parametrize("name", available())
def test_inspect_finds_the_solver_of_every_method(name):
    assert callable(registry_create("solver", f"equipoise/{name}"))


def test_parameters_of_the_method_are_checked():
    solver_of("debate")(rounds=3)
    with pytest.raises(UnknownName, match=r"parameter of debate 'round'.*'rounds'"):
        solver_of("debate")(round=3)


def test_a_foreign_task_is_played_by_the_team_and_scored_by_its_own_scorer(endpoint, team):
    samples = [
        Sample(id=7, input="What is 4 plus 9?", target="13"),
        Sample(id=8, input="What is 1 plus 1?", target="3"),
    ]
    played = solver_of("majority_vote")(team=team.model_dump(mode="json"))
    log = run(Task(dataset=MemoryDataset(samples), solver=played, scorer=match(numeric=True)))
    assert [sample.scores["match"].value for sample in log.samples] == ["C", "I"]
    episode = log.samples[0].store[EPISODE]
    assert sorted(turn["agent"] for turn in episode["turns"]) == ["ann", "bob"]
    assert all("prompt" not in turn for turn in episode["turns"])


def test_a_foreign_choice_task_gets_its_letter_marked(script):
    team = {"executors": [script.executor("ann", "Answer: B").model_dump()]}
    sample = Sample(input="Which?", choices=["red", "blue", "green"], target="B")
    log = run(Task(dataset=MemoryDataset([sample]), solver=solver_of("single")(team=team), scorer=choice()))
    assert log.samples[0].scores["choice"].value == "C"


def test_without_a_team_the_active_model_answers_as_equal_executors(endpoint):
    model = get_model("openai-api/loopback/solo", base_url=endpoint.url)
    task = Task(
        dataset=MemoryDataset([Sample(input="What is 2 plus 5?", target="7")]),
        solver=solver_of("majority_vote")(copies=2),
        scorer=match(numeric=True),
    )
    log = run(task, model=model)
    turns = log.samples[0].store[EPISODE]["turns"]
    assert [(turn["agent"], turn["model"]) for turn in sorted(turns, key=lambda t: t["agent"])] == [
        ("model-1", "openai-api/loopback/solo"),
        ("model-2", "openai-api/loopback/solo"),
    ]


def test_without_a_team_and_a_model_the_user_is_told_what_to_give():
    task = Task(dataset=MemoryDataset([Sample(input="What is 2 plus 5?")]), solver=solver_of("single")())
    (log,) = eval(task, model=None, display="none", log_format="json", log_level="error", ctl_server=False)
    assert "Give a team" in log.error.message


def test_a_token_budget_ends_an_episode(endpoint, team):
    played = solver_of("debate")(team=team.model_dump(mode="json"), max_tokens_per_question=30)
    sample = Sample(input="What is 2 plus 5?", target="7")
    log = run(Task(dataset=MemoryDataset([sample]), solver=played, scorer=match(numeric=True)))
    assert log.samples[0].store[EPISODE]["stop"] == "budget"
