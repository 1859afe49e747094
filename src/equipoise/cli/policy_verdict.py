"""The verdict on a trained policy, derived anew from its files: no model, no recording, nothing that was concluded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from equipoise import games
from equipoise.beliefs.control_coupling import Margin, margin
from equipoise.beliefs.control_equilibrium import ControlEquilibrium
from equipoise.beliefs.control_storing import unpacked
from equipoise.beliefs.storing import load_told
from equipoise.cli.certificates import show
from equipoise.errors import InputError

_SAME = 1e-6
"""How far a policy that was kept may be from the one that is solved again."""


def certify_policy(folder: Path, *, as_json: bool) -> None:
    """Prints whether the executors' game of a policy has one equilibrium, as far as it can be proved.

    Args:
        folder: that `equipoise train prompt-control` wrote.
        as_json: whether JSON alone is printed.

    Raises:
        InputError: there is no policy, or it is damaged, or was learned without labels and so without a game.
    """
    told, arrays = load_told(folder)
    if told.get("game") is None:
        raise InputError(
            f"the policy in '{folder}' was learned without recorded answers and their labels, so its executors play no "
            "game that could be certified. Train it on a recording that says who was right."
        )
    found, apart = unpacked(told["game"], arrays)
    seed = int(told["config"]["seed"])
    states = [margin(found.game, state, settled, seed=seed) for state, settled in enumerate(found.states)]
    proofs = [_proofs(found, state) for state in range(len(found.states))]
    agrees = told["diagnosis"]["finding"] == _finding(states)
    if as_json:
        said = [
            {"margin": m.as_json(), "policy_apart": float(a), "certification": None if p is None else p.as_json()}
            for m, a, p in zip(states, apart, proofs, strict=True)
        ]
        unique = all(m.certified_by for m in states)
        told_all = {"policy": str(folder), "finding": _finding(states), "certified": unique, "agrees": agrees}
        print(json.dumps(told_all | {"states": said}, indent=2, ensure_ascii=False, allow_nan=False))
        return
    console = Console()
    console.print(Text(_sentence(states), style="bold"))
    console.print()
    console.print(_table(states, apart.tolist()))
    for state, proof in enumerate(proofs, start=1):
        console.print()
        if len(proofs) > 1:
            console.print(f"State {state}", style="bold")
        if proof is None:
            console.print("Too many joint controls for a tensor, or no temperatures: no certificate of the whole game.")
        else:
            show(proof)
    console.print()
    said = "the same" if agrees else f"another than training found ({told['diagnosis']['finding']})"
    console.print(f"The verdict is {said}.", highlight=False)


def _finding(states: list[Margin]) -> str:
    findings = {state.finding for state in states}
    if games.Finding.REFUTED in findings:
        return games.Finding.REFUTED.name.lower()
    return (findings.pop() if len(findings) == 1 else games.Finding.INCONCLUSIVE).name.lower()


def _proofs(found: ControlEquilibrium, state: int) -> games.Certification | None:
    """All certificates of a state; None where it has no tensor, or no temperatures."""
    settled = found.states[state]
    if found.game.games is None or settled.solved is None:
        return None
    return games.certify(found.game.games[state], settled.solved.temperatures, reference=found.reference)


def _sentence(states: list[Margin]) -> str:
    worst = min(states, key=lambda state: state.mu)
    low, high = worst.mu_interval
    between = "" if low == high else f" [{low:+.4f}, {high:+.4f}]"
    verdict = {
        "certified": "the executors' game has one equilibrium",
        "refuted": "coupling is above the coldest temperature, so it proves nothing",
        "inconclusive": "what is known of the coupling does not decide",
    }[_finding(states)]
    others = sorted(set.intersection(*(set(state.certified_by) for state in states)) - {"paper_margin"})
    also = f" Proved unique by {', '.join(others)}." if others else ""
    return f"Margin μ = {worst.mu:+.4f}{between}: {verdict}.{also}".replace("-", "−")


def _table(states: list[Margin], apart: list[float]) -> Table:
    """A column per state."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for place in range(len(states)):
        table.add_column("" if len(states) == 1 else f"state {place + 1}", justify="right")
    for what, cell in _LINES:
        table.add_row(what, *(cell(found) for found in states))
    kept = ["the equilibrium" if far < _SAME else f"{far:.2g} from it" for far in apart]
    table.add_row("policy kept", *kept)
    return table


_LINES: tuple[tuple[str, Callable[[Margin], str]], ...] = (
    ("margin μ", lambda found: f"{found.mu:.4f}"),
    ("finding", lambda found: found.finding.name.lower()),
    ("coldest temperature", lambda found: f"{found.temperature:.4f}"),
    ("coupling L_c", lambda found: f"{found.coupling:.4f}, {found.how}"),
    ("coupling from, to", lambda found: f"{found.interval[0]:.4f}, {found.interval[1]:.4f}"),
    ("τ / L_c", lambda found: "none" if found.heat is None else f"{found.heat:.3f}"),
)
