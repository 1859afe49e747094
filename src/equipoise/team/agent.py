"""The players: a Coordinator and Executors, each a model with a role, instructions and a price."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class Price(BaseModel):
    """What a model costs, in USD per million tokens; 0 for a local model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Annotated[float, Field(ge=0.0)] = 0.0
    output: Annotated[float, Field(ge=0.0)] = 0.0

    def cost_usd(self, input_tokens: int, output_tokens: int) -> float:
        """The cost of a call in USD."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


class Agent(BaseModel):
    """A model in a role.

    Attributes:
        name: unique in the team; what logs and tables show.
        model: any Inspect model name, such as "openai/gpt-4o-mini", "embedded/abacus" or "replay/gpt-4".
        role: one or two words, such as "planner".
        instructions: the system message; none when empty.
        price: USD per million tokens.
        model_args: passed to the model provider, such as `recording` for a replay.
        adapter: folder of a LoRA adapter of the model, in PEFT's format, for embedded/, hf/ and vllm/ models.
        base_url: the endpoint, where it is not the provider's own.
        max_tokens: most tokens of one response.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    name: Annotated[str, Field(min_length=1)]
    model: Annotated[str, Field(min_length=1)]
    role: str = ""
    instructions: str = ""
    price: Price = Price()
    model_args: dict[str, Any] = {}
    adapter: str | None = None
    base_url: str | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None


class Coordinator(Agent):
    """Publishes a plan, judges and aggregates; sees every solution."""

    name: Annotated[str, Field(min_length=1)] = "coordinator"


class Executor(Agent):
    """Answers the question.

    Attributes:
        strategies: the prompt strategies this executor may use; the team's when empty.
    """

    strategies: tuple[str, ...] = ()
