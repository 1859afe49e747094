"""Several samples of one model, and the one that a selector prefers.

    answer = a_j,   j = argmax_i v(a_i)

Cobbe et al. (2021, section 4.2) sample solutions and keep the one a verifier ranks highest. The selector v is one of

    verifier   the task's own check, such as a plan validator: v is 1 or 0, and the first sample that passes ends it
    scorer     the lead model's rating of each sample: sure, likely or impossible
    judge      the lead model reads all samples and names the best

Cost: n calls, and n more for the scorer, or 1 more for the judge, whose input grows with n. The verifier calls no
model and samples one at a time, so that it pays only until a sample passes.

Deviations: Cobbe et al. train the verifier; here it is exact, or the lead model untrained. Equal ratings are settled by
a vote among those rated highest. Where the task has no check, where nothing passes, or where the lead's choice cannot
be read, the samples vote: `stop` is then "done" and never "verified", and beliefs are vote shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass

from equipoise.methods._aggregation import scored
from equipoise.methods.method import Count, Decision, Method, agreed, by_judge, by_turn, by_vote, fixed_control
from equipoise.team import prompt as prompts
from equipoise.team.episode import Turn
from equipoise.team.team import Team
from equipoise.team.turns import Turns


@dataclass(frozen=True, kw_only=True)
class BestOfN(Method):
    """The best of n samples of one executor.

    Attributes:
        n: how many samples are drawn, at most.
        selector: what tells which is best.
        strategy: a prompt strategy by name; that of the default control when None.
        executor: by name; the first one when None.
    """

    reference: ClassVar[str] = "Cobbe et al. (2021), Training Verifiers to Solve Math Word Problems"
    n: Count = 5
    selector: Literal["verifier", "scorer", "judge"] = "verifier"
    strategy: str | None = None
    executor: str | None = None

    def calls(self, team: Team) -> int:
        """The samples and what the selector asks."""
        fixed_control(team, self.executor, self.strategy)
        return self.n + {"verifier": 0, "scorer": self.n, "judge": 1}[self.selector]

    async def decide(self, turns: Turns, rng: Random) -> Decision:
        """The sample that the selector prefers."""
        if self.selector == "verifier":
            return await self._verified(turns)
        samples = [turn for turn in await self._drawn(turns, self.n) if turn.key is not None]
        if len(samples) < 2:
            return by_vote(samples)
        return await (scored if self.selector == "scorer" else _chosen)(turns, samples)

    async def _drawn(self, turns: Turns, n: int) -> list[Turn]:
        executor, control = fixed_control(turns.team, self.executor, self.strategy, sampled=True)
        return await turns.together(turns.answer(executor, control) for _ in range(n))

    async def _verified(self, turns: Turns) -> Decision:
        samples: list[Turn] = []
        while len(samples) < self.n:
            samples += await self._drawn(turns, 1)
            verdict = turns.problem.verify(samples[-1].key)
            if verdict:
                return by_turn(samples[-1], stop="verified")
            if verdict is None and samples[-1].key is not None:  # there is no check: nothing is gained by waiting
                samples += await self._drawn(turns, self.n - len(samples))
        return by_vote(samples)


async def _chosen(turns: Turns, samples: Sequence[Turn]) -> Decision:
    """The sample that the lead names. Samples that all agree need no judge."""
    if agreed(samples):
        return by_vote(samples, stop="agreed")
    prompt = prompts.choose(turns.problem, [sample.response for sample in samples])
    verdict = await turns.ask(turns.team.lead, "choose", prompt, sampling_temperature=0.0)
    chosen = prompts.read_choice(verdict.response, len(samples))
    return by_vote(samples) if chosen is None else by_judge(samples[chosen - 1], samples)
