"""A team: who plays, what they may do, and how their answers become one. Read from a TOML file.

[team]
name = "trio"
aggregation = "majority_vote"   # or best_of_n, critic, concatenation
message_cap = 70                # tokens of the Coordinator's plan
max_tokens = 256                # tokens of one response

[coordinator]
model = "openai/gpt-4o-mini"

[[executor]]
name = "mini"
model = "openai/gpt-4o-mini"
price = { input = 0.15, output = 0.60 }

[controls]
strategies = ["step_by_step", "direct"]
sampling_temperatures = [0.7]
abstain = true

[strategies]                    # prompt strategies of your own
brief = "Answer in one sentence."
"""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from equipoise.errors import InputError, UnknownName
from equipoise.team.agent import Agent, Coordinator, Executor
from equipoise.team.column import Column, columns
from equipoise.team.control import Control, ControlSet
from equipoise.team.prompt import STRATEGIES

Aggregation = Literal["majority_vote", "best_of_n", "critic", "concatenation"]


class Team(BaseModel):
    """A Coordinator, Executors, their controls and the rules between them. Frozen; order of executors matters.

    List the strongest executor first: methods that use a single model use the first one, and ties in a vote go to it.

    Attributes:
        message_cap: most tokens of the Coordinator's plan.
        max_tokens: most tokens of one response, where the agent has no limit of its own.
        max_tokens_per_question: budget of input and output tokens of one episode; unlimited when None.
        strategies: prompt strategies of the team's own, by name, beside the built-in ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "team"
    coordinator: Coordinator | None = None
    executors: Annotated[tuple[Executor, ...], Field(min_length=1)]
    controls: ControlSet = ControlSet()
    strategies: dict[str, str] = {}
    aggregation: Aggregation = "majority_vote"
    message_cap: Annotated[int, Field(ge=1)] = 70
    max_tokens: Annotated[int, Field(ge=1)] = 1024
    max_tokens_per_question: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _names_are_known(self) -> Team:
        names = [agent.name for agent in self.agents]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two agents are called '{name}'; names must differ")
        wanted = [*self.controls.strategies, *(s for e in self.executors for s in e.strategies)]
        for strategy in wanted:
            self.strategy_text(strategy)
        self.columns()
        return self

    @property
    def agents(self) -> tuple[Agent, ...]:
        """The Coordinator, if there is one, then the Executors."""
        return (*([self.coordinator] if self.coordinator else []), *self.executors)

    @property
    def lead(self) -> Agent:
        """Who plans and judges: the Coordinator, or the first Executor in a team without one."""
        return self.coordinator or self.executors[0]

    def executor(self, name: str | None = None) -> Executor:
        """The executor of that name; the first one when None.

        Raises:
            UnknownName: no executor is called so.
        """
        if name is None:
            return self.executors[0]
        for executor in self.executors:
            if executor.name == name:
                return executor
        raise UnknownName("executor", name, [e.name for e in self.executors])

    def controls_of(self, executor: Executor) -> tuple[Control, ...]:
        """The controls that an executor may be given, the default one first."""
        if not executor.strategies:
            return tuple(self.controls)
        return tuple(self.controls.model_copy(update={"strategies": executor.strategies}))

    def columns(self) -> dict[str, Column]:
        """Every executor under each of its controls, by name as in recordings, in the team's order."""
        return columns((executor, self.controls_of(executor)) for executor in self.executors)

    def strategy_text(self, name: str) -> str:
        """The task line of a prompt strategy.

        Raises:
            UnknownName: neither the team nor the library has it.
        """
        known = {**STRATEGIES, **self.strategies}
        if name not in known:
            raise UnknownName("strategy", name, known)
        return known[name]

    @classmethod
    def from_toml(cls, path: str | Path) -> Team:
        """The team in a TOML file; relative paths in `adapter` and `model_args.recording` start at the file.

        Raises:
            InputError: the file is missing, is not TOML, or says something that a team cannot be; names the key.
        """
        path = Path(path)
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(f"no team file '{path}'. Write one with: equipoise team new --out {path}") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"team file '{path}' cannot be read: {error}") from None
        return cls.from_dict(data, source=path)

    @classmethod
    def from_dict(cls, data: dict[str, Any], *, source: Path | None = None) -> Team:
        """The team in a parsed TOML document; `source` is named in errors and anchors relative paths."""
        where = f"team file '{source}'" if source else "team"
        fields = _fields(data, where)
        if source is not None:
            _anchor(fields, source.resolve().parent)
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise InputError(f"{where}: {_first_problem(error)}") from None


_SECTIONS = ("team", "coordinator", "executor", "controls", "strategies")


def _fields(data: dict[str, Any], where: str) -> dict[str, Any]:
    for section in data:
        if section not in _SECTIONS:
            raise InputError(f"{where}: {_unknown(section, _SECTIONS, 'section')}")
    if not data.get("executor"):
        raise InputError(f"{where}: the team is empty. Add at least one [[executor]] with a name and a model.")
    if not isinstance(data["executor"], list):
        raise InputError(f"{where}: write executors as [[executor]], with two brackets, so that there can be several.")
    fields = {**data.get("team", {}), "executors": data["executor"]}
    fields |= {key: data[key] for key in ("coordinator", "controls", "strategies") if key in data}
    return fields


def _anchor(fields: dict[str, Any], folder: Path) -> None:
    """Makes adapters and recordings relative to the team file, so that a team works from any folder."""
    for agent in [fields.get("coordinator"), *fields["executors"]]:
        if not isinstance(agent, dict):
            continue
        for place, key in ((agent, "adapter"), (agent.get("model_args"), "recording")):
            if isinstance(place, dict) and isinstance(place.get(key), str):
                place[key] = str((folder / place[key]).resolve())


def _unknown(key: str, known: tuple[str, ...] | list[str], what: str) -> str:
    near = get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"unknown {what} '{key}'.{hint} Known: {', '.join(known)}."


_MODELS: dict[str, type[BaseModel]] = {
    "executors": Executor,
    "coordinator": Coordinator,
    "controls": ControlSet,
}


def _first_problem(error: ValidationError) -> str:
    """The first thing wrong, as one sentence with the place in the file."""
    first = error.errors()[0]
    place = [str(part + 1) if isinstance(part, int) else part for part in first["loc"]]
    label = " ".join(place).replace("executors", "executor")
    if first["type"] == "extra_forbidden":
        model = _MODELS.get(str(first["loc"][0]), Team) if len(first["loc"]) > 1 else Team
        return f"{label}: {_unknown(place[-1], list(model.model_fields), 'key')}"
    if first["type"] == "missing":
        return f"{label}: missing. Every agent needs a {place[-1]}."
    message = first["msg"].removeprefix("Value error, ")
    shown = "" if isinstance(first["input"], dict) or not label else f" (got {first['input']!r})"
    choices = f" Known aggregation rules: {', '.join(get_args(Aggregation))}." if place[-1:] == ["aggregation"] else ""
    return f"{label + ': ' if label else ''}{message}{shown}.{choices}".replace("..", ".")
