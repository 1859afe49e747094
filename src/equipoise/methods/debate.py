"""Executors answer, read each other's solutions, revise, and vote.

    round 0:  x_i = model_i(question)
    round r:  x_i = model_i(own exchange so far, latest x_j of all j ≠ i)
    answer  = plurality of the last round

Multi-agent debate of Du et al. (2023, section 2): every agent keeps its own conversation and sees the others' solutions
as advice. A round here is a revision; the authors' released script also counts the first answers as one, so that their
"two rounds" are `rounds=1`.

Cost: N (1 + rounds) calls for N executors, a round at the same time. Input grows with N in every round, and with the
square of the rounds, since a conversation holds all earlier ones.

Deviations: agents may be different models; an agent whose peers were all silent keeps its answer; a team of one has
nobody to debate with and answers once. Stopping at agreement is off, as in the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import ClassVar

from pydantic.dataclasses import dataclass

from equipoise.methods.method import Count, Decision, Method, agreed, by_vote
from equipoise.team import prompt as prompts
from equipoise.team.agent import Executor
from equipoise.team.control import Control
from equipoise.team.episode import Turn
from equipoise.team.team import Team
from equipoise.team.turns import Turns


@dataclass(frozen=True, kw_only=True)
class Debate(Method):
    """Rounds of revision, then a plurality vote.

    Attributes:
        rounds: revisions after the first answers.
        stop_when_agreed: whether a round in which all answers are equal is the last one.
    """

    reference: ClassVar[str] = (
        "Du et al. (2023), Improving Factuality and Reasoning in Language Models through Multiagent Debate"
    )
    rounds: Count = 2
    stop_when_agreed: bool = False

    def calls(self, team: Team) -> int:
        """Every executor in every round."""
        return calls_of(team, self.rounds)

    async def decide(self, turns: Turns, rng: Random) -> Decision:
        """The plurality of the last round."""
        last = await debated(turns, self.rounds, stop_when_agreed=self.stop_when_agreed)
        if not self.stop_when_agreed:
            return by_vote(last)
        return by_vote(last, stop="agreed" if agreed(last) else "rounds")


def calls_of(team: Team, rounds: int) -> int:
    """Most calls of a debate: executors × (1 + rounds), or 1 in a team of one."""
    n = len(team.executors)
    return n * (1 + rounds) if n > 1 else 1


async def debated(turns: Turns, rounds: int, *, stop_when_agreed: bool) -> list[Turn]:
    """The last turn of every executor in a debate, in the team's order."""
    executors = turns.team.executors
    controls = [turns.team.controls_of(executor)[0] for executor in executors]
    players = list(zip(executors, controls, strict=True))
    latest = await turns.together(turns.answer(executor, control) for executor, control in players)
    for round in range(1, rounds + 1):
        if stop_when_agreed and agreed(latest):
            break
        latest = await turns.together(
            _revised(turns, executor, control, latest, i, round) for i, (executor, control) in enumerate(players)
        )
    return latest


async def _revised(
    turns: Turns, executor: Executor, control: Control, latest: Sequence[Turn], i: int, round: int
) -> Turn:
    """Executor i's next turn; its last one where no peer wrote anything."""
    own = latest[i]
    peers = [turn.response for j, turn in enumerate(latest) if j != i and turn.response.strip()]
    if not peers:
        return own
    if own.response.strip():
        prompt = prompts.revise(turns.problem, own.prompt, own.response, peers)
    else:  # an empty message of its own is refused by some endpoints
        prompt = prompts.weigh(turns.problem, peers, prompts.REVISE)
    return await turns.ask(executor, "revise", prompt, control=control, round=round)
