"""Speed of the game core, side by side with pygambit and sgamesolver in one run.

    python benchmarks/games.py [--quick] [--json OUT]

Each row is the median over repeats of the processor time of one process on one BLAS thread, without building the game:
other processes may take turns with it and do not count. Calls shorter than some milliseconds are timed in runs of many.
Both other solvers follow the principal branch and know one precision λ, so they get u_i/τ_i at λ = 1 and their own
default tolerances; ours stops at a residual of 1e-12. "direct" is our `solve`, which need not follow the branch,
"traced" is our `trace`: like for like. Where an oracle is missing the row says why; `make oracles` installs both.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy import sparse

from equipoise import games
from oracles import Oracles

BUDGET_S = 4.0
"""Seconds that one entry may be repeated for; everything is run at least once."""
TURN_S = 5e-3
"""Seconds of a run of calls that are shorter."""
FULL_ONLY = (9, 12)
"""Steps that --quick leaves out."""
PATIENCE_S = 150.0
"""An oracle predicted to take longer is not run."""
FIRST_CALLS = """
import time
clocks = [(time.process_time(), time.perf_counter())]
from equipoise import games
clocks.append((time.process_time(), time.perf_counter()))
games.solve(games.library.asymmetric_matching_pennies(), [1.5, 0.4])
clocks.append((time.process_time(), time.perf_counter()))
games.solve(games.NormalForm([[[[0.5, 1.0, 2.0]]], [[[0.0, 1.0, 0.0]]], [[[1.0, 2.0, 4.0]]]]), 1.0)
clocks.append((time.process_time(), time.perf_counter()))
for after, before in zip(clocks[1:], clocks):
    print(after[0] - before[0], after[1] - before[1])
"""


@dataclass
class Row:
    """One line of the table; times are medians of processor time in seconds."""

    name: str
    seconds: dict[str, float] = field(default_factory=dict)
    note: str = ""

    def told(self) -> str:
        """The line as it is printed."""
        cells = [f"{who} {_duration(seconds)}" for who, seconds in self.seconds.items()]
        ratios = [
            f"{theirs}/{ours} {self.seconds[theirs] / self.seconds[ours]:.1f}×"
            for theirs in ("gambit", "sgamesolver")
            for ours in ("direct", "traced")
            if theirs in self.seconds and ours in self.seconds
        ]
        return f"{self.name:28} {'  '.join(cells)}" + "".join(
            f"\n{'':30}{line}" for line in [*ratios, self.note] if line
        )


def race(calls: dict[str, Callable[[], Any]], *, most: int) -> tuple[dict[str, float], dict[str, Any]]:
    """Median seconds of calls that take turns, so that a busy machine slows all alike; and their answers.

    A turn is one call, or a run of as many as fill some milliseconds. Each call first runs once to warm up, which is
    all where that took half the budget.
    """
    answers: dict[str, Any] = {}
    seconds: dict[str, list[float]] = {}
    left: list[str] = []
    for name, call in calls.items():
        taken, answers[name] = _run(call, 1)
        seconds[name] = [taken]
        if taken < BUDGET_S / 2:
            left.append(name)
            seconds[name] = [_run(call, 1)[0]]
    runs = {name: max(1, round(TURN_S / max(seconds[name][0], 1e-7))) for name in left}
    seconds |= {name: [] for name in left}
    for turn in range(most):
        left = [name for name in left if turn < 3 or sum(seconds[name]) * runs[name] < BUDGET_S]
        for name in left:
            seconds[name].append(_run(calls[name], runs[name])[0])
    return {name: median(taken) for name, taken in seconds.items()}, answers


def _run(call: Callable[[], Any], times: int) -> tuple[float, Any]:
    """Seconds of processor time of one call among so many, and the last answer."""
    answer = None
    start = time.process_time()
    for _ in range(times):
        answer = call()
    return (time.process_time() - start) / times, answer


def timed(call: Callable[[], Any], *, most: int) -> tuple[float, Any]:
    """Median seconds of one call and its answer, as in `race`."""
    seconds, answers = race({"": call}, most=most)
    return seconds[""], answers[""]


def one_shot(agents: int, actions: int, heat: float, oracles: Oracles, most: int) -> Row:
    """A random normal form, payoffs N(0, 1) and τ uniform between `heat` and twice that."""
    rng = np.random.default_rng([agents, actions])
    payoffs, heats = rng.normal(size=(agents, *[actions] * agents)), heat * rng.uniform(1.0, 2.0, size=agents)
    game = games.NormalForm(payoffs)
    calls: dict[str, Callable[[], Any]] = {
        "direct": partial(games.solve, game, heats),
        "traced": partial(games.trace, game, heats),
    }
    if oracles.gambit:
        calls["gambit"] = oracles.solve_gambit(payoffs, heats)
    if oracles.sgamesolver:
        stage = games.Markov(payoffs[:, None], np.ones((1, *[actions] * agents, 1)), 0.0)
        calls["sgamesolver"] = oracles.solve_sgame(stage, heats)
    seconds, answers = race(calls, most=most)
    return Row(f"{agents} × {actions}, τ from {heat:g} to {2 * heat:g}", seconds, _agreement(answers))


def markov(states: int, heat: float, oracles: Oracles, most: int, *, slow: float = 0.0) -> Row:
    """A random Markov game of 3 agents × 4 actions, payoffs and transitions uniform, discount 0.8, plain values."""
    rng = np.random.default_rng(states)
    payoffs = [rng.random((states, 4, 4, 4)) for _ in range(3)]
    transitions = rng.random((states, 4, 4, 4, states))
    game = games.Markov(payoffs, transitions / transitions.sum(axis=-1, keepdims=True), 0.8)
    calls: dict[str, Callable[[], Any]] = {
        "direct": lambda: games.solve(game, heat, continuation="plain"),
        "traced": lambda: games.trace(game, heat, continuation="plain"),
    }
    notes: list[str] = []
    if oracles.sgamesolver and slow > PATIENCE_S:
        notes.append(f"sgamesolver not run: predicted {slow:.0f} s from the smaller game by states cubed")
    elif oracles.sgamesolver:
        calls["sgamesolver"] = oracles.solve_sgame(game, np.full(3, heat))
    seconds, answers = race(calls, most=most)
    if states <= 30 and answers["traced"].bifurcations:
        notes.append(f"passed {', '.join(found.kind for found in answers['traced'].bifurcations)}")
    notes.append(_agreement(answers))
    return Row(f"Markov {states} × 3 × 4, τ = {heat:g}", seconds, "; ".join(note for note in notes if note))


def sparse_markov(states: int) -> Row:
    """2 agents × 3 actions, five successors of every joint action, discount 0.95, kl values, τ = 1."""
    rng = np.random.default_rng(states)
    rows, successors = states * 9, 5
    data = rng.dirichlet(np.ones(successors), size=rows).reshape(-1)
    columns = rng.integers(0, states, size=rows * successors)
    table = sparse.csr_array((data, columns, np.arange(rows + 1) * successors), shape=(rows, states))
    game = games.Markov(rng.random((2, states, 3, 3)), table, 0.95)
    seconds, found = timed(lambda: games.solve(game, 1.0), most=3)
    return Row(f"sparse Markov {states:,} states", {"direct": seconds}, _ended(found))


def vote() -> Row:
    """1,001 agents × 8 prompts, reward 1 for a correct majority, costs up to 0.02, τ = 0.01."""
    rng = np.random.default_rng(1001)
    accuracy, costs = rng.uniform(0.3, 0.8, size=(1001, 8)), rng.uniform(0.0, 0.02, size=(1001, 8))
    game = games.Vote(list(accuracy), (np.arange(1002) > 500).astype(float), costs=list(costs))
    seconds, found = timed(lambda: games.solve(game, 0.01), most=5)
    told, _ = timed(lambda: games.solve(game, 0.01).as_json(), most=5)
    return Row("vote, 1,001 agents × 8", {"direct": seconds, "with all of as_json": told}, _ended(found))


def batch(count: int) -> Row:
    """Random 2×2 games at unequal temperatures."""
    rng = np.random.default_rng(22)
    payoffs, heats = rng.normal(size=(count, 2, 2, 2)), rng.uniform(0.2, 1.0, size=(count, 2))
    seconds, found = timed(lambda: games.solve_batch(payoffs, heats, threads=1), most=5)
    start = time.perf_counter()
    games.solve_batch(payoffs, heats)
    wall = time.perf_counter() - start
    note = (
        f"{1e6 * seconds / count:.2f} µs a game on one thread; {_duration(wall)} by the clock on {os.cpu_count()}; "
        f"{int((~found.converged).sum())} flagged as not converged"
    )
    return Row(f"batch of {count:,} 2×2 games", {"direct": seconds}, note)


def roofline() -> Row:
    """One Q evaluation of 8 agents × 6 actions, against reading as much memory once on one thread.

    Two operations a number read: memory is the limit, not arithmetic.
    """
    rng = np.random.default_rng(8)
    game = games.NormalForm(rng.random((8, *[6] * 8)))
    regularizer = games.Regularizer.of(game.layout, 1.0)
    policy = np.exp(game.layout.uniform)
    read = np.ones(game.tensors[0].size * 8)
    calls = {"Q": lambda: game.q(policy, regularizer), "sum": read.sum, "dot": lambda: read @ read}
    seconds, _ = race(calls, most=31)
    fastest, size = min(seconds["sum"], seconds["dot"]), read.nbytes
    note = (
        f"{size / seconds['Q'] / 1e9:.1f} of {size / fastest / 1e9:.1f} GB/s: {100 * fastest / seconds['Q']:.0f} % of "
        f"the limit, which is reading memory: every payoff is read once, for one multiplication and one addition"
    )
    return Row("Q of 8 agents × 6, 107 MB", {"Q": seconds["Q"], "reading": fastest}, note)


def starting() -> Row:
    """Import and first calls of new processes; once with an empty cache of compiled code, as after an install."""
    with tempfile.TemporaryDirectory() as empty:
        fresh = _child(os.environ | {"NUMBA_CACHE_DIR": empty})
        again = [_child(os.environ | {"NUMBA_CACHE_DIR": empty}) for _ in range(5)]
    seconds = {
        "import": median(child[0][0] for child in again),
        "first 2×2 after install": fresh[1][0],
        "first other game": fresh[2][0],
        "first 2×2 of a process": median(child[1][0] for child in again),
        "other game": median(child[2][0] for child in again),
    }
    walls = [median(child[0][1] for child in again), fresh[1][1], fresh[2][1]]
    note = f"by the clock: import {walls[0]:.2f} s, first 2×2 after install {walls[1]:.2f} s, other {walls[2]:.2f} s"
    return Row("start", seconds, note)


def _child(environment: dict[str, str]) -> list[tuple[float, float]]:
    """Seconds of processor time and of the clock of the steps of `FIRST_CALLS` in a process of their own."""
    done = subprocess.run(  # noqa: S603  (our own interpreter and text)
        [sys.executable, "-c", FIRST_CALLS], env=environment, capture_output=True, text=True, check=True
    )
    pairs = [line.split() for line in done.stdout.splitlines()]
    return [(float(processor), float(clock)) for processor, clock in pairs]


def _ended(found: games.Equilibrium) -> str:
    how = "converged" if found.converged else "NOT converged"
    return f"{how} by {found.solver}, residual {found.residual:.0e}"


def _agreement(answers: dict[str, Any]) -> str:
    """How far the oracles' profiles are from the end of our branch, and whether our branch has one."""
    branch = answers["traced"]
    ends = branch.problem.layout.nest(branch.policies[-1])
    apart = [f"{_apart(ends, answers[who]):.0e} to {who}" for who in ("gambit", "sgamesolver") if who in answers]
    failed = [] if branch.arrived else ["our trace did NOT reach the temperatures"]
    return "; ".join(failed + ([f"largest difference on the branch {', '.join(apart)}"] if apart else []))


def _apart(ours: list[Any], theirs: list[np.ndarray]) -> float:
    return max(float(np.abs(one - other).max()) for one, other in zip(ours, theirs, strict=True))


def _duration(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def machine() -> str:
    """The processor, its cores, the load and the versions that matter."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    cpu = f"{name or platform.processor()} ({platform.machine()}), {os.cpu_count()} cores{load}"
    return f"{date.today()}  {cpu}, Python {platform.python_version()}, NumPy {np.__version__}"


def main() -> None:
    """Prints the table, with the machine and the date."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats, smaller games")
    parser.add_argument("--json", type=Path, help="write the numbers too")
    given = parser.parse_args()
    oracles, most = Oracles.found(), 5 if given.quick else 31
    print(machine())
    for line in oracles.missing:
        print(line)
    rows: list[Row] = []

    def predicted() -> float:
        return rows[-1].seconds.get("sgamesolver", 0.0) * (100 / 30) ** 3

    steps: list[Callable[[], Row]] = [
        *[
            lambda agents=agents, actions=actions, heat=heat: one_shot(agents, actions, heat, oracles, most)
            for agents, actions in ((2, 2), (3, 8), (5, 4))
            for heat in (0.5, 0.1)
        ],
        lambda: markov(10, 0.5, oracles, most),
        lambda: markov(30, 0.5, oracles, most),
        lambda: markov(100, 0.5, oracles, most, slow=predicted()),
        lambda: markov(30, 0.1, oracles, most),
        lambda: sparse_markov(1_000),
        lambda: sparse_markov(10_000),
        vote,
        lambda: batch(100_000 if given.quick else 1_000_000),
        roofline,
        starting,
    ]
    for number, step in enumerate(steps, start=1):
        if given.quick and number in FULL_ONLY:
            continue
        print(f"[{number}/{len(steps)}] …", file=sys.stderr, flush=True)
        rows.append(step())
        print(rows[-1].told(), flush=True)
    if given.json:
        told = {"machine": machine(), "missing": oracles.missing, "rows": [asdict(row) for row in rows]}
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
