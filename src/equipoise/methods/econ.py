r"""ECON: executors adjust how they are asked until no one of them gains by another way, given beliefs about the others.

    strategy m  = Coordinator(question), at most 70 tokens, no answer in it
    stage 1:      b_i, e_i = [T_i, p_i] from (question, m);  x_i = executor_i(question, m) at e_i;  C = commitment(x)
    stage 2:      b_i from (question, m, own x_i, C);  e_i ← damped best response on Q_tot, the others held fixed;
                  whoever's e_i moved answers again;  C = commitment(x)
    stop where    C is unchanged | its embedding moved by less than 0.01 | ‖Δe‖ < tolerance | A-B-A-B | K rounds

Belief-driven coordination toward a Bayesian Nash equilibrium (Xie et al., 2025, section 3). Executors never see each
other's answers; what each knows of the others is what its network believes. The best-response gap of the last profile,
Σ_i [max_e Q_tot(e, e_-i) − Q_tot(e_i, e_-i)], is in the episode's measures: how far from an ε-equilibrium it stopped.

Train a policy with `equipoise train belief`, and play it: econ(policy='FOLDER'). Without one, every executor is asked
at the centre of the range, T = 1.05 and p = 0.5, in one stage. A question that the policy learned from is not played.

Cost: at most 3 N calls, N at least 3, those of a debate of three rounds; usually a plan, N answers, and a call of the
Coordinator where they differ; a round more asks at most N + 1. Tokens: `_econ_account` keeps what follows stage 1
within the tokens of a debate of three rounds with answers as long as the first.

Deviations: the best response is computed on a grid, where the paper names it and the public code averages neighbours;
p is the nucleus threshold, which its range says; one extra round by default; answers that all agree need no
Coordinator; more than four executors commit in clusters of at most four, each with a local Coordinator, all of them
the same model.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from equipoise.errors import MissingExtra
from equipoise.methods._econ_account import Account, most_calls
from equipoise.methods._econ_acts import MOST_MEMBERS, Rule, answered, committed, reserve, strategised
from equipoise.methods._econ_mind import CENTRE, FixedMind, LearnedMind, Mind, RandomMind
from equipoise.methods.method import Decision, Method
from equipoise.team.control import SamplingTemperature, TopP
from equipoise.team.episode import StopReason, Turn
from equipoise.team.team import Team
from equipoise.team.turns import Turns

SETTLED = 0.01
"""ε_C: a commitment whose embedding moves by less, as 1 − cosine, has settled."""

STATIONARY = 0.05
"""‖Δe_i‖, in shares of the range, below which an executor is not asked again: it would say the same."""


@dataclass(frozen=True, kw_only=True)
class Econ(Method):
    """Belief-driven coordination.

    Attributes:
        policy: a folder that `equipoise train belief` wrote; None asks at the centre of the range.
        rounds: K, extra rounds after stage 1; 0 leaves out the equilibrium stage.
        coordinator: whether there is one; without, no strategy is written and a vote commits.
        commitment: "coordinator" by a call where answers differ; "vote"; "value" weighs votes by the learned Q_i.
        decoding: "learned" by the policy; "random" in its range; "fixed" at the two settings below.
        sampling_temperature, top_p: where decoding is fixed, or nothing was learned.
        information: "full" lets executors read each other's answers in stage 2, for comparison; policies learn without.
        damping: share of the way to a best response.
    """

    reference: ClassVar[str] = (
        "Xie et al. (2025), From Debate to Equilibrium: Belief-Driven Multi-Agent LLM Reasoning via "
        "Bayesian Nash Equilibrium"
    )
    policy: str | None = None
    rounds: Annotated[int, Field(ge=0)] = 1
    coordinator: bool = True
    commitment: Rule = "coordinator"
    decoding: Literal["learned", "random", "fixed"] = "learned"
    sampling_temperature: SamplingTemperature = CENTRE[0]
    top_p: TopP = CENTRE[1]
    information: Literal["private", "full"] = "private"
    damping: Annotated[float, Field(gt=0, le=1)] = 0.5

    def calls(self, team: Team) -> int:
        """A strategy and perhaps another, and in every stage the answers and the commitment."""
        n = len(team.executors)
        parts = -(-n // MOST_MEMBERS)
        commit = parts + (parts > 1) if self._rule == "coordinator" and n > 1 else 0
        return min(2 * self.coordinator + (1 + self.rounds) * (n + commit), most_calls(n))

    async def decide(self, turns: Turns, rng: Random) -> Decision:
        """The last commitment."""
        mind = self._mind(turns, rng)
        account = Account(turns)
        plan = await strategised(turns, account) if self.coordinator else ""
        plan_tokens = turns.taken[-1].output_tokens if plan else 0
        profile = mind.begin(turns.problem.question, plan)
        answers = await turns.together(
            answered(turns, executor, point, plan=plan)
            for executor, point in zip(turns.team.executors, profile, strict=True)
        )
        account.open(answers, plan_tokens)
        made = await self._commit(turns, answers, account, mind)
        said: list[Decision] = [made]
        stop: StopReason = "rounds" if self.rounds else "done"
        for round in range(1, self.rounds + 1):
            response = mind.respond([turn.response for turn in answers], made.response)
            _note_gaps(turns, response.gaps)
            far = np.linalg.norm((response.profile - profile) / mind.width, axis=1)
            if far.max() < STATIONARY:
                stop = "stationary"
                break
            again = await self._again(turns, answers, response.profile, far, account, plan=plan, round=round)
            if again is None:
                turns.remarks.append("another round would cost more than a debate of three rounds")
                break
            profile, answers = response.profile, again
            made = await self._commit(turns, answers, account, mind)
            said.append(made)
            if reason := stopped(said, mind):
                stop = reason
                break
        turns.measures["rounds"] = len(said) - 1.0
        return Decision(answer=made.answer, response=made.response, stop=stop, beliefs=made.beliefs)

    @property
    def _rule(self) -> Rule:
        return "vote" if self.commitment == "coordinator" and not self.coordinator else self.commitment

    async def _commit(self, turns: Turns, answers: Sequence[Turn], account: Account, mind: Mind) -> Decision:
        worth = mind.worth() if self.commitment == "value" else None
        return await committed(turns, answers, account, rule=self._rule, worth=worth)

    async def _again(
        self,
        turns: Turns,
        answers: Sequence[Turn],
        profile: np.ndarray,
        far: np.ndarray,
        account: Account,
        *,
        plan: str,
        round: int,
    ) -> list[Turn] | None:
        """The answers after whoever moved answers again; None where that costs more than a debate."""
        moved = [i for i in range(len(answers)) if far[i] >= STATIONARY]
        kept = reserve(answers, account) if self._rule == "coordinator" else 0
        full = self.information == "full"
        reads = sum(turn.output_tokens for turn in answers) if full else 0
        limits = account.answer_limits([answers[i] for i in moved], reads=reads, reserve=kept)
        if limits is None:
            return None
        new = await turns.together(
            answered(
                turns,
                turns.team.executors[i],
                profile[i],
                plan=plan,
                round=round,
                max_tokens=limit,
                peers=(answers[i], [t.response for j, t in enumerate(answers) if j != i]) if full else None,
            )
            for i, limit in zip(moved, limits, strict=True)
        )
        given = dict(zip(moved, new, strict=True))
        return [given.get(i, turn) for i, turn in enumerate(answers)]

    def _mind(self, turns: Turns, rng: Random) -> Mind:
        """Who decides on e.

        Raises:
            InputError: the policy cannot be loaded, is of another team, or has learned from this question.
        """
        names = [executor.name for executor in turns.team.executors]
        if self.decoding == "random":
            order = tuple(sorted(range(len(names)), key=names.__getitem__))
            return RandomMind(executors=len(names), rng=rng, order=order)
        point = (self.sampling_temperature, self.top_p)
        if self.decoding == "fixed" or self.policy is None:
            if self.decoding == "learned":
                turns.remarks.append(f"nothing was learned: everybody is asked at T = {point[0]:g}, p = {point[1]:g}")
            return FixedMind(executors=len(names), point=point)
        try:  # torch takes seconds to import and is an extra; only a policy needs it
            from equipoise.networks.belief_policy import check_names, load_policy
        except ImportError:
            raise MissingExtra("learned policies", "local") from None

        policy = load_policy(self.policy)
        check_names(policy, names, self.policy)
        policy.refuse(turns.problem.question)
        if self.information == "full":
            turns.remarks.append("the policy has learned with private answers, and here executors read each other's")
        return LearnedMind(policy, names, damping=self.damping)


def stopped(said: Sequence[Decision], mind: Mind) -> StopReason | None:
    """Why the last commitment ends the episode; None where it does not.

    Args:
        said: all commitments so far, at least two.
        mind: knows their embeddings, if anybody does.
    """
    before, last = said[-2], said[-1]
    if last.answer is not None and last.answer == before.answer:
        return "unchanged"
    answers = [decision.answer for decision in said[-4:]]
    if len(answers) == 4 and answers[:2] == answers[2:]:
        return "cycle"
    moved = mind.moved(before.response, last.response)
    return "settled" if moved is not None and moved < SETTLED else None


def _note_gaps(turns: Turns, gaps: Sequence[float]) -> None:
    """The best-response gap before the first best response of the episode, and after the last."""
    if gaps:
        turns.measures.setdefault("gap_before", gaps[0])
        turns.measures["gap"] = gaps[-1]
