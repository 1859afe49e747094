"""Finite games and their heterogeneous quantal response equilibria. Needs NumPy and SciPy; numba makes it fast.

    from equipoise import games
    game = games.NormalForm([[[9, 0], [0, 1]], [[0, 1], [1, 0]]])
    games.solve(game, [1.5, 0.4]).profile

This package knows nothing of language models or networks.
"""

from __future__ import annotations

from equipoise.games import library
from equipoise.games.batch import Batch, solve_batch
from equipoise.games.certificate import Certificate, Certification, Criterion, certify
from equipoise.games.damp_certify_heat import DampCertifyHeat
from equipoise.games.diagnostic import Diagnostic, Estimate, Finding, Verdict, judge
from equipoise.games.equilibrium import Equilibrium, Spectrum
from equipoise.games.forms.bayesian import Bayesian
from equipoise.games.forms.common_payoff import CommonPayoff
from equipoise.games.forms.hierarchy import Hierarchy
from equipoise.games.forms.information import ProtocolGame, TokenGame
from equipoise.games.forms.markov import Markov
from equipoise.games.forms.normal_form import NormalForm
from equipoise.games.forms.partially_observed import PartiallyObserved
from equipoise.games.forms.typed_markov import PersistentTypes, RedrawnTypes
from equipoise.games.forms.vote import Vote
from equipoise.games.game import Game, Regularizer
from equipoise.games.hierarchical_margin import HierarchicalMargin, hierarchical_margin
from equipoise.games.layout import Layout
from equipoise.games.problem import Problem
from equipoise.games.readers.nfg import read_nfg
from equipoise.games.readers.npz import read_npz
from equipoise.games.readers.openspiel import read_openspiel
from equipoise.games.reading import Entry, read_entry
from equipoise.games.solver import Limits, Run, Solver, Status
from equipoise.games.solving import find_all, solve
from equipoise.games.tracing.bifurcation import Bifurcation
from equipoise.games.tracing.branch import Branch, bifurcations, branches, trace

__all__ = [
    "Batch",
    "Bayesian",
    "Bifurcation",
    "Branch",
    "Certificate",
    "Certification",
    "CommonPayoff",
    "Criterion",
    "DampCertifyHeat",
    "Diagnostic",
    "Entry",
    "Equilibrium",
    "Estimate",
    "Finding",
    "Game",
    "HierarchicalMargin",
    "Hierarchy",
    "Layout",
    "Limits",
    "Markov",
    "NormalForm",
    "PartiallyObserved",
    "PersistentTypes",
    "Problem",
    "ProtocolGame",
    "RedrawnTypes",
    "Regularizer",
    "Run",
    "Solver",
    "Spectrum",
    "Status",
    "TokenGame",
    "Verdict",
    "Vote",
    "bifurcations",
    "branches",
    "certify",
    "find_all",
    "hierarchical_margin",
    "judge",
    "library",
    "read_entry",
    "read_nfg",
    "read_npz",
    "read_openspiel",
    "solve",
    "solve_batch",
    "trace",
]
