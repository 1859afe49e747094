r"""What a learned control is worth on questions that it was not learned from, and how true its belief is there.

The training questions are cut into `FOLDS` parts. For each, the control is learned on the others, at the price that was
settled, and plays the part; so every question is played once, by a policy that never saw it:

$$\hat a = \frac{1}{|Q|} \sum_q \sum_j w_{qj}\, r_{qj}, \qquad d_q = m_q - m_q^{\mathrm{vote}}$$

Beside it, on the same questions, the plain vote of all columns, and the column that was best on the other parts. The
belief with which the control stopped is held against who was right: the calibration error of the stop.

Parts, not the whole: what is deployed was learned on a quarter more, and where two orders are of nearly equal utility
a part may take the cheaper and worse one, so accuracy and cost are best read together. The price was chosen on all
questions, which flatters them by less than that.

Cost: `FOLDS` times that of learning at one price.

Source: k-fold cross-validation, Stone (1974); intervals and calibration: `analysis`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from equipoise.analysis import intervals
from equipoise.analysis.calibration import Calibration, calibration_of
from equipoise.analysis.intervals import Interval
from equipoise.analysis.paired import Difference, difference_of
from equipoise.analysis.rows import Row
from equipoise.beliefs import competence
from equipoise.beliefs.ballots import NO_ANSWER, Ballots, Floats
from equipoise.beliefs.control_players import Player
from equipoise.beliefs.controlling import ControlRules, learn_control
from equipoise.beliefs.policy import Played, run
from equipoise.beliefs.vote import Vote
from equipoise.beliefs.weighted_vote import ENOUGH

FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class Earned:
    """What a way to choose earned: accuracy in [0, 1], and mean cost of a question."""

    accuracy: Interval
    cost: float


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """The control on questions that it was not learned from.

    Attributes:
        questions: how many.
        control: what it earned.
        vote: what the plain vote of all columns did.
        single: what the best column of the other parts did.
        vs_vote: accuracy less the vote's, paired by question.
        asked: mean number of columns asked.
        calibration: of the belief with which it stopped; None where that is always the same.
    """

    questions: int
    control: Earned
    vote: Earned
    single: Earned
    vs_vote: Difference
    asked: float
    calibration: Calibration | None

    def as_json(self) -> dict[str, Any]:
        """Everything as numbers and lists."""
        return asdict(self)


def held_out(train: Ballots, price: float, rules: ControlRules) -> HeldOut | None:
    """The control on parts of its questions; None without labels, or with fewer than two questions a part.

    Args:
        train: all its questions.
        price: accuracy that a unit of cost must be worth.
        rules: what is learned.
    """
    if train.correct is None or len(train) < 2 * FOLDS:
        return None
    part = np.random.default_rng(0).permutation(len(train)) % FOLDS
    right, belief, cost, asked = np.zeros((4, len(train)))
    vote, single, alone = np.zeros((3, len(train)))
    given, hit = np.zeros((2, len(train)), dtype=bool)
    for fold in range(FOLDS):
        rest, at = train.at(part != fold), np.flatnonzero(part == fold)
        held = train.at(at)
        (policy,) = learn_control(rest, [price], rules)
        played = run(policy, held)
        right[at], cost[at] = _earned(played, held)
        belief[at], asked[at] = played.belief, played.asked.sum(axis=1)
        first = played.chosen.argmax(axis=1)  # live, the earliest of equals decides
        given[at] = played.chosen.any(axis=1)
        hit[at] = _correct(held)[np.arange(len(held)), first] & given[at]
        vote[at], _ = _earned(run(Vote(), held), held)
        best = int(_correct(rest).mean(axis=0).argmax())
        single[at], alone[at] = _correct(held)[:, best], held.cost[:, best]
    rows = _rows(hit.tolist(), given.tolist(), belief.tolist())
    return HeldOut(
        questions=len(train),
        control=_told(right, cost),
        vote=_told(vote, train.cost.sum(axis=1)),
        single=_told(single, alone),
        vs_vote=difference_of(right - vote),
        asked=float(asked.mean()),
        calibration=calibration_of(rows),
    )


def fall_backs(train: Ballots, players: Sequence[Player], rules: ControlRules, *, replayed: bool = True) -> list[str]:
    """Sentences on what a team lacks, and what is done instead; none where nothing is lacking.

    Args:
        train: all its questions.
        players: of the executors' game.
        rules: what is learned.
        replayed: whether by counterfactual replay; a bandit falls back to nothing.
    """
    found = []
    asked = "One column after another is asked, and their plain vote decides as soon as its outcome is certain."
    counted = asked if rules.form == "one_at_a_time" else "Everybody is asked, and votes weigh by agreement alone."
    if train.correct is None:
        found.append(f"No labels: nobody says who was right. {counted}")
    elif not competence.labels_follow_answers(train):
        found.append(f"The labels contradict the answers (equal answers, unequal labels) and do not count. {asked}")
    elif len(train) < ENOUGH:
        told = (
            "The vote decides, ties going to the best column." if replayed else "What the bandit learned may be luck."
        )
        found.append(f"{len(train)} labelled questions are fewer than {ENOUGH}, too few to learn from. {told}")
    if len(train.columns) == 1:
        found.append(f"There is one column only, {train.columns[0]}: nobody else can be asked or believed.")
    elif len(players) == len(train.columns) and len({name.rpartition("|")[0] for name in train.columns}) == 1:
        found.append("There is one executor only: its controls play as members of the team.")
    if len(train.columns) > 1 and _alike(train):
        found.append("All columns give the same answers, so only their costs differ: the vote is that of any of them.")
    silent = [name for name, said in zip(train.columns, train.answered.T, strict=True) if not said.any()]
    if silent:
        found.append(f"{', '.join(silent)} never gave an answer, so it casts no vote.")
    return found


def _alike(train: Ballots) -> bool:
    """Whether all columns gave the same answer to every question."""
    return bool((train.answers == train.answers[:, :1]).all())


def _earned(played: Played, held: Ballots) -> tuple[Floats, Floats]:
    """[questions] share of the decision that is right, equals sharing it, and what was spent."""
    return (played.chosen * _correct(held)).sum(axis=1), (played.asked * held.cost).sum(axis=1)


def _correct(ballots: Ballots) -> np.ndarray:
    assert ballots.correct is not None
    return ballots.correct & (ballots.answers != NO_ANSWER)


def _told(right: Floats, cost: Floats) -> Earned:
    return Earned(accuracy=intervals.share(right), cost=float(cost.mean()))


def _rows(hit: list[bool], given: list[bool], belief: list[float]) -> Iterator[Row]:
    """The plays as `analysis` reads them."""
    for place, (right, said, sure) in enumerate(zip(hit, given, belief, strict=True)):
        outcome = "correct" if right else "wrong" if said else "no_answer"
        told = sure if said else None
        yield Row(task="held out", method="dice_pc", question=str(place), outcome=outcome, belief=told)
