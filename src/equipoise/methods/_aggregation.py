"""How a team's answers become one: the rule that a team file names (DICE, section 3).

    majority_vote   the plurality of the answers
    best_of_n       the first answer that passes the task's own check; without a check, the plurality of those that the
                    lead model rates highest
    critic          the lead model reads all answers and decides
    concatenation   all answers one after the other, read as one response

The same code serves every method that aggregates.
"""

from __future__ import annotations

from collections.abc import Sequence

from equipoise.beliefs import rating
from equipoise.methods.method import Decision, agreed, by_judge, by_turn, by_vote
from equipoise.team import prompt as prompts
from equipoise.team.episode import Turn
from equipoise.team.team import Team
from equipoise.team.turns import Turns


def calls(team: Team, answers: int | None = None) -> int:
    """Most calls that the team's rule costs.

    Args:
        team: whose rule it is.
        answers: most answers that are aggregated; one an executor when None.
    """
    rated = len(team.executors) if answers is None else answers
    return {"best_of_n": rated, "critic": 1}.get(team.aggregation, 0)


async def aggregated(turns: Turns, answers: Sequence[Turn]) -> Decision:
    """The team's decision over some answers, by its rule."""
    match turns.team.aggregation:
        case "majority_vote":
            return by_vote(answers)
        case "best_of_n":
            return await best(turns, answers)
        case "critic":
            return await judged(turns, answers)
        case "concatenation":
            return concatenated(turns, answers)


async def best(turns: Turns, answers: Sequence[Turn]) -> Decision:
    """The first answer that passes the task's check, or one of those rated highest where nothing can be checked."""
    verdicts = [turns.problem.verify(turn.key) for turn in answers]
    if True in verdicts:
        return by_turn(answers[verdicts.index(True)], stop="verified")
    held = [turn for turn in answers if turn.key is not None]
    return by_vote(held) if False in verdicts or len(held) < 2 else await scored(turns, held)


async def scored(turns: Turns, answers: Sequence[Turn]) -> Decision:
    """The plurality of the answers that the lead rates highest: sure, likely or impossible."""
    ratings = await turns.together(
        turns.ask(turns.team.lead, "rate", prompts.rate(turns.problem, [turn.response]), sampling_temperature=0.0)
        for turn in answers
    )
    worth = [rating.worth(prompts.read_rating(turn.response)) for turn in ratings]
    return by_vote([turn for turn, value in zip(answers, worth, strict=True) if value == max(worth)])


async def judged(turns: Turns, answers: Sequence[Turn]) -> Decision:
    """The lead's answer after reading all others. Answers that all agree, and a single one, need no judge."""
    said = [turn.response for turn in answers if turn.response.strip()]
    if agreed(answers):
        return by_vote(answers, stop="agreed" if len(answers) > 1 else "done")
    if len(said) < 2:
        return by_vote(answers)
    prompt = prompts.weigh(turns.problem, said, prompts.DECIDE)
    verdict = await turns.ask(turns.team.lead, "judge", prompt, round=answers[-1].round, sampling_temperature=0.0)
    return by_judge(verdict, answers)


def concatenated(turns: Turns, answers: Sequence[Turn]) -> Decision:
    """All responses as one; the answer is what the problem's kind reads in it. Beliefs are the shares of a vote."""
    response = "\n".join(turn.response.strip() for turn in answers if turn.response.strip())
    return Decision(
        answer=turns.problem.read(response), response=response, stop="done", beliefs=by_vote(answers).beliefs
    )
