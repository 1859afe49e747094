"""What happened on one question and what it cost: an Episode of Turns, JSON-serialisable."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from equipoise.team.prompt import Message

StopReason = Literal[
    "done",
    "agreed",
    "verified",
    "confident",
    "unchanged",
    "settled",
    "stationary",
    "cycle",
    "rounds",
    "budget",
    "no_answer",
]
"""Why an episode ended.

done: the method ran its course; agreed: everybody gave the same answer; verified: a candidate passed the task's own
check; confident: another answer was not worth its price; unchanged, settled: a new round left the team's answer, or its
embedding, as it was; stationary: no player had a reason to move; cycle: answers went A, B, A, B; rounds: the round
limit; budget: the token budget was spent; no_answer: no response held an answer.
"""

Act = Literal["answer", "revise", "aggregate", "judge", "choose", "plan", "propose", "rate"]
ANSWERING: frozenset[Act] = frozenset(("answer", "revise", "aggregate", "judge"))
"""Acts whose response is an answer to the question; only these have a vote key."""


class Turn(BaseModel):
    """One agent's act.

    Attributes:
        agent: name of who acted.
        model: the model's name.
        act: what was asked for.
        round: 0 for the first.
        strategy: prompt strategy, for acts that have one.
        sampling_temperature: as asked of the model.
        prompt: the messages sent; left out of logs, which hold every call anyway.
        response: the text that came back, possibly cut at the token limit.
        key: canonical vote key of the answer in it; None when there is none, or the act is not an answer.
        sample: 0 for the first response to this very prompt, 1 for the second…
        truncated: whether the token limit cut the response.
        refused: whether the provider's filter refused to answer.
        input_tokens, output_tokens: as counted by the provider.
        seconds: time of the call, waiting included.
        cost_usd: at the agent's price.
    """

    model_config = ConfigDict(frozen=True)

    agent: str
    model: str
    act: Act
    round: int
    strategy: str | None
    sampling_temperature: float | None
    prompt: tuple[Message, ...] = ()
    response: str
    key: str | None
    sample: int
    truncated: bool
    refused: bool
    input_tokens: int
    output_tokens: int
    seconds: float
    cost_usd: float


class Episode(BaseModel):
    """One problem played to its end.

    Attributes:
        method: the method's full name, parameters included.
        answer: canonical key of the team's answer; None when there is none.
        response: the text that carries the answer.
        stop: why it ended.
        beliefs: probability or share of each candidate answer when it ended.
        turns: every act in order of completion.
        seconds: from the first call to the last.
        measures: what the method measured on the way, by name, such as "gap".
        remarks: what went otherwise than asked, in sentences.
    """

    model_config = ConfigDict(frozen=True)

    problem: str
    question: str
    method: str
    answer: str | None
    response: str
    stop: StopReason
    beliefs: dict[str, float]
    turns: tuple[Turn, ...]
    seconds: float
    measures: dict[str, float] = {}
    remarks: tuple[str, ...] = ()

    @property
    def calls(self) -> int:
        """Number of model calls."""
        return len(self.turns)

    @property
    def input_tokens(self) -> int:
        """Tokens read by the models."""
        return sum(turn.input_tokens for turn in self.turns)

    @property
    def output_tokens(self) -> int:
        """Tokens written by the models."""
        return sum(turn.output_tokens for turn in self.turns)

    @property
    def cost_usd(self) -> float:
        """What the calls cost at the agents' prices."""
        return sum(turn.cost_usd for turn in self.turns)
