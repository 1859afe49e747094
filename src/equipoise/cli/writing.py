"""Team files written for the user."""

from __future__ import annotations

import json
import os
from pathlib import Path

from equipoise.errors import InputError, UnknownName
from equipoise.recordings import read
from equipoise.team.prompt import STRATEGIES

BLANK = """# A team. Keys belong in environment variables, such as OPENAI_API_KEY, and never in this file.

[team]
name = {name}
aggregation = "majority_vote"
message_cap = 70              # tokens of the Coordinator's plan
max_tokens = 512              # tokens of one response

[coordinator]                 # plans and judges; leave it out, and the first executor does
model = "openai/gpt-4o-mini"
price = {{ input = 0.15, output = 0.60 }}   # USD per million tokens

[[executor]]                  # the strongest first
name = "mini"
model = "openai/gpt-4o-mini"
price = {{ input = 0.15, output = 0.60 }}

[[executor]]                  # any OpenAI-compatible server; its key is read from LOCAL_API_KEY
name = "local"
model = "openai-api/local/my-model"
base_url = "http://127.0.0.1:8000/v1"

[controls]
strategies = ["step_by_step", "direct"]
sampling_temperatures = [0.7]
"""


def blank_team(name: str) -> str:
    """A team file to fill in."""
    return BLANK.format(name=_quoted(name))


def recorded_team(name: str, recording: Path, columns: list[str], *, folder: Path) -> str:
    """A team file whose executors replay columns of a recording.

    Args:
        name: of the team.
        recording: the file.
        columns: "agent|strategy" each; several strategies of one agent are several executors.
        folder: where the team file will lie; the recording's path in it starts there.

    Raises:
        RecordingError: the recording cannot be read.
        UnknownName: it has no such column.
    """
    held = read(recording)
    for column in columns:
        if column not in held.columns():
            raise UnknownName("column", column, held.columns())
    pairs = [held.parse_column(column) for column in columns]
    if len(set(pairs)) < len(pairs):
        raise InputError("a column is named twice. Name each one once.")
    path = os.path.relpath(recording.resolve(), folder.resolve())
    strategies = list(dict.fromkeys(strategy for _, strategy in pairs))
    own = [strategy for strategy in strategies if strategy not in STRATEGIES]
    agents = [agent for agent, _ in pairs]
    lines = ["[team]", f"name = {_quoted(name)}", ""]
    for agent, strategy in pairs:
        label = agent if agents.count(agent) == 1 else f"{agent} {strategy}"
        lines += [
            "[[executor]]",
            f"name = {_quoted(label)}",
            f"model = {_quoted(f'replay/{agent}')}",
            f"model_args = {{ recording = {_quoted(path)} }}",
            f"strategies = [{_quoted(strategy)}]",
            "",
        ]
    lines += ["[controls]", f"strategies = [{', '.join(map(_quoted, strategies))}]", "abstain = false"]
    if own:
        lines += ["", "[strategies]", *(f"{_quoted(strategy)} = {_quoted(strategy)}" for strategy in own)]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=False)
