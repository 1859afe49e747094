"""Team files: what they mean, and one clear sentence for everything that can be wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from equipoise.errors import InputError, UnknownName
from equipoise.team.control import Control
from equipoise.team.team import Team

WHOLE = """
[team]
name = "pair"
message_cap = 50
max_tokens = 99
max_tokens_per_question = 700
aggregation = "best_of_n"

[coordinator]
model = "mockllm/lead"
role = "planner"

[[executor]]
name = "small"
model = "replay/small"
price = { input = 0.15, output = 0.60 }
model_args = { recording = "runs/small.jsonl.gz" }

[[executor]]
name = "large"
model = "mockllm/large"
strategies = ["brief"]
max_tokens = 40
base_url = "http://localhost:8000/v1"

[controls]
strategies = ["step_by_step", "direct"]
sampling_temperatures = [0.2, 0.9]
abstain = false

[strategies]
brief = "Answer in one sentence."
"""
EXECUTOR = '[[executor]]\nname = "a"\nmodel = "mockllm/a"\n'


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "team.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_team_file_says_who_plays_and_how(tmp_path: Path) -> None:
    team = Team.from_toml(written(tmp_path, WHOLE))
    assert [agent.name for agent in team.agents] == ["coordinator", "small", "large"]
    assert team.lead.role == "planner"
    assert (team.message_cap, team.max_tokens, team.max_tokens_per_question) == (50, 99, 700)
    small, large = team.executors
    assert small.model_args["recording"] == str(tmp_path.resolve() / "runs/small.jsonl.gz")
    assert small.price.cost_usd(2_000_000, 500_000) == pytest.approx(0.60)
    assert [str(control) for control in team.controls_of(small)] == [
        "step_by_step@0.2",
        "step_by_step@0.9",
        "direct@0.2",
        "direct@0.9",
    ]
    assert team.controls_of(large)[0] == Control(strategy="brief", sampling_temperature=0.2)
    assert team.strategy_text("brief") == "Answer in one sentence."
    assert team.executor("large") is large and team.executor() is small


def test_without_a_coordinator_the_first_executor_leads(tmp_path: Path) -> None:
    team = Team.from_toml(written(tmp_path, EXECUTOR))
    assert team.lead is team.executors[0]
    with pytest.raises(UnknownName, match=r"no executor 'aa'\. Did you mean 'a'"):
        team.executor("aa")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the team is empty"),
        ("[team]\nname = 'x'\n", "the team is empty"),
        ("[executor]\nname = 'a'\nmodel = 'm/a'\n", r"\[\[executor\]\], with two brackets"),
        ("[[executer]]\nname = 'a'\n", "unknown section 'executer'. Did you mean 'executor'"),
        (EXECUTOR + "modle = 'x'\n", "executor 1 modle: unknown key 'modle'. Did you mean 'model'"),
        ("[team]\nmesage_cap = 3\n" + EXECUTOR, "mesage_cap: unknown key 'mesage_cap'. Did you mean 'message_cap'"),
        (EXECUTOR + "[controls]\ntemperatures = [1]\n", "controls temperatures: unknown key 'temperatures'"),
        (EXECUTOR + "[[executor]]\nname = 'b'\n", "executor 2 model: missing"),
        (EXECUTOR + "price = { output = -1 }\n", r"executor 1 price output: .*greater than or equal to 0 \(got -1\)"),
        (EXECUTOR + EXECUTOR, "two agents are called 'a'"),
        (EXECUTOR + "strategies = ['derect']\n", "no strategy 'derect'. Did you mean 'direct'"),
        (EXECUTOR + "[controls]\nstrategies = []\n", "controls strategies: .*at least 1"),
        (EXECUTOR + "[controls]\nsampling_temperatures = [9]\n", r"less than or equal to 2 \(got 9"),
        ("[team]\naggregation = 'vote'\n" + EXECUTOR, "aggregation: .*majority_vote"),
        ("[team]\nmessage_cap = 0\n" + EXECUTOR, "message_cap: .*greater than or equal to 1"),
        ("[team\n", "cannot be read"),
        (b"name = '\xff'\n", "cannot be read"),
    ],
)
def test_what_a_team_cannot_be_is_one_clear_error(tmp_path: Path, text: str | bytes, says: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError, match=says) as caught:
        Team.from_toml(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value) or "cannot be read" in str(caught.value)


def test_a_missing_file_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no team file '.*absent\.toml'. Write one with: equipoise team new"):
        Team.from_toml(tmp_path / "absent.toml")
