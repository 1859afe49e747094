r"""How often each column is right, and what its vote weighs: learned from recorded answers and who was right.

A column j that answers is right with probability p_j, else it gives one of K wrong answers, each equally likely. Of n_j
answers h_j were right; the columns of a team are alike, so their p_j share a beta prior, whose mean m and strength s
(in answers) are those under which the counts are most probable (empirical Bayes, the beta-binomial of Griffiths, 1973):

$$p_j = \frac{h_j + s m}{n_j + s}, \qquad
(m, s) = \arg\max \sum_j \log \frac{B(h_j + s m,\; n_j - h_j + s(1-m))}{B(s m,\; s(1-m))}, \quad s \ge 2$$

Columns that chance alone could tell apart are drawn together entirely (s → ∞), and then a weighted vote is a plain one.
s ≥ 2 keeps a column that was never wrong off p = 1; at m = ½ it is Laplace's rule.

$$K = \frac{\#\{\text{pairs of wrong answers to one question}\}}{\#\{\text{of them equal}\}}, \qquad
w_j = \log\frac{p_j}{1-p_j} + \log K$$

K is the effective number of wrong answers: two wrong answers agree with probability 1/K, so this is its maximum of the
pairwise likelihood (Varin, Reid & Firth, 2011), and the inverse of Simpson's index (1949). Errors that columns share
make it smaller, which is the safe side: an agreement is then less of a proof. Weights: Nitzan & Paroush (1982) for two
answers, where K = 1; Grofman, Owen & Feld (1983). With K > 1 a vote counts for its answer even where p_j < ½, as long
as p_j beats a blind guess among the K + 1 answers.

Cost: O(questions × columns²) for K, O(columns) a step for the prior.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln, expit, logit

from equipoise.beliefs.ballots import Ballots, Bools, Floats

_STRENGTHS = (2.0, 1e6)
"""Bounds of the prior's strength, in answers: Laplace's rule, and as good as "all alike"."""


def competence(right: Bools, counted: Bools) -> Floats:
    """[columns] probability in (0, 1) that a column is right, drawn towards the team's mean.

    Args:
        right: [questions, columns] whether the answer was right.
        counted: [questions, columns] which count: `Ballots.answered` for the probability that an answer given is right
            (what a vote weighs), all of them where silence is an error too.
    """
    hits, counts = (right & counted).sum(axis=0), counted.sum(axis=0)
    ahead, behind = beta_prior(hits, counts)
    return (hits + ahead) / (counts + ahead + behind)


def beta_prior(hits: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """The beta prior (s m, s (1 − m)) under which columns' counts are most probable; s in [2, 10⁶].

    Args:
        hits: [columns] how many answers were right.
        counts: [columns] of how many.
    """
    misses = counts - hits
    pooled = (hits.sum() + 1) / (counts.sum() + 2)

    def surprise(at: Floats) -> float:
        mean, strength = expit(at[0]), np.exp(at[1])
        ahead, behind = strength * mean, strength * (1 - mean)
        return -float((betaln(hits + ahead, misses + behind) - betaln(ahead, behind)).sum())

    limits = (np.log(_STRENGTHS[0]), np.log(_STRENGTHS[1]))
    start = np.array([logit(pooled), np.log(20.0)])
    if len(counts) > 1:
        start = minimize(surprise, start, bounds=[(-12.0, 12.0), limits], method="L-BFGS-B").x
    else:  # one column says nothing about how much columns differ
        start[1] = limits[0]
    mean, strength = expit(start[0]), np.exp(start[1])
    return float(strength * mean), float(strength * (1 - mean))


def wrong_answers(train: Ballots) -> float:
    """K ≥ 1, the effective number of wrong answers to a question; needs `train.correct`."""
    assert train.correct is not None
    wrong = train.answered & ~train.correct
    pairs = np.triu(wrong[:, :, None] & wrong[:, None, :], 1)
    # One pair that agreed and one that did not are added, so that K is finite where none agreed.
    return float((pairs.sum() + 2) / ((pairs & train.same).sum() + 1))


def weights(p: Floats, wrong: float) -> Floats:
    """[columns] log-odds of each column plus log K: the logarithm of what one vote multiplies its answer's odds by."""
    return logit(p) + np.log(wrong)


def vote_weights(train: Ballots) -> Floats:
    """[columns] what a vote adds to its answer: log-odds + b, 0 for a column below a blind guess, 1 if all are."""
    assert train.correct is not None
    weighed = np.maximum(weights(competence(train.correct, train.answered), wrong_answers(train)), 0.0)
    return weighed if weighed.any() else np.ones_like(weighed)


def labels_follow_answers(train: Ballots) -> bool:
    """Whether the labels belong to these answers: equal answers to a question are right together, or wrong together.

    Chance-corrected (Cohen, 1960): pairs of equal answers must be labelled differently less than half as often as pairs
    of any answers. Labels joined to the wrong questions fail; how often each column is right would still be known then,
    but not of what, and nothing may be learned from it. Without any label, no.
    """
    if train.correct is None:
        return False
    pairs = np.triu(train.answered[:, :, None] & train.answered[:, None, :], 1)
    differ = pairs & (train.correct[:, :, None] != train.correct[:, None, :])
    equal = pairs & train.same
    expected = differ.sum() / max(pairs.sum(), 1) * equal.sum()
    return bool((differ & equal).sum() <= expected / 2)
