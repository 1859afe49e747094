"""The numbers of a learned policy as readers want them: verdict, diagnostics by state, deployment checklist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from equipoise.reports.formats import hundredfold

Told = Mapping[str, Any]
Line = tuple[str, list[str], str]
"""What it is, a cell per state or one for all, and how to read it."""

TOLERANCE = 4.0
"""Cost against the best single column that the paper asks its users to tolerate."""

FINDINGS = {
    "certified": "certified: below every temperature, so there is one equilibrium",
    "refuted": "not certified: coupling is above the coldest temperature",
    "inconclusive": "undecided: the temperature lies within what is known of the coupling",
}
KEPT = {
    "equilibrium": "No profile found earns more than the equilibrium's.",
    "best_reply": "Best replies without regularisation ended somewhere, which depends on their start.",
    "enumerated": "The best profile of all earns more than the equilibrium's, and is kept.",
    "ascent": "The best profile found earns more than the equilibrium's, and is kept.",
}


def verdict(told: Told) -> str:
    """Whether the team settled, in a sentence or two."""
    found = told["diagnosis"]
    if found is None:
        return "Nothing is said of an equilibrium: there are no recorded answers with labels to derive it from."
    states = found["states"]
    worst = min(states, key=lambda state: state["margin"]["mu"])
    margin = worst["margin"]
    settled = "The executors' game settled" if found["settled"] else "The executors' game has not settled"
    proofs = sorted(set.intersection(*(set(state["margin"]["certified_by"]) for state in states)))
    unique = FINDINGS[found["finding"]]
    if found["finding"] != "certified" and proofs:
        unique = f"{unique}; that there is one equilibrium is proved by {', '.join(proofs)}"
    kept = " ".join(dict.fromkeys(KEPT[state["kept"]] for state in states))
    abr = max(state["abr"] for state in states)
    return f"{settled} (ABR {abr:.4f}). Margin μ = {_signed(margin['mu'])}, {unique}. {kept}"


def rows(told: Told) -> list[Line]:
    """Diagnostics, a cell for each state; empty without a diagnosis."""
    found = told["diagnosis"]
    if found is None:
        return []
    return [(what, [cell(state) for state in found["states"]], read) for what, cell, read in _LINES]


def checklist(told: Told) -> list[tuple[str, str, str]]:
    """The deployment checklist of the paper: what, what was found, and whether that will do."""
    found, judged = told["diagnosis"], told["held_out"]
    lines = []
    if found is not None:
        shaken = found["perturbation"]
        if shaken is not None:
            told_of = f"{hundredfold(shaken['controls_changed'])} % of controls change when the questions are redrawn"
            whole = f"some control does in {hundredfold(shaken['mode_changed'])} % of {shaken['samples']} samples"
            lines.append(("perturbation", f"{told_of}; reward ± {hundredfold(shaken['reward_sd'])} points", whole))
        passes = ", ".join(f"{name} {hundredfold(rate)} %" for name, rate in found["pass_at_1"].items())
        weak = f"below 20 %: {', '.join(found['weak'])}" if found["weak"] else "all of 20 % or more"
        lines.append(("executors' pass@1", passes, weak))
        lines.append(("information asymmetry", *_asymmetry(found["asymmetry"])))
        ratio = found["cost_ratio"]
        if ratio is not None:
            within = f"within {TOLERANCE:g} ×" if ratio <= TOLERANCE else f"above the {TOLERANCE:g} × of the paper"
            lines.append(("cost", f"the profile costs {ratio:.2f} × the best single column", within))
    calibration = (judged or {}).get("calibration")
    if calibration is not None:
        ece, chance = calibration["ece"], calibration["chance"]
        fits = "as calibrated as chance allows" if ece["mean"] <= chance else "watch it: less sure or surer than right"
        between = f"[{hundredfold(ece['low'])}, {hundredfold(ece['high'])}]"
        lines.append(("stop belief", f"ECE {hundredfold(ece['mean'])} points {between} on held-out questions", fits))
    return lines


def _asymmetry(found: Mapping[str, float | None]) -> tuple[str, str]:
    differ, shared, equal = found["disagreement"], found["shared_errors"], found["equal_errors"]
    if differ is None or shared is None:
        return "one executor knows all that the team knows", "nothing to coordinate"
    told = f"one of two is right alone on {hundredfold(differ)} %; wrong together {shared:.3f} nats"
    if equal is not None:
        told += f", and with one answer {hundredfold(equal)} % of the time"
    return told, "so often can another put an answer right"


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−")


def _number(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")


def _points(value: float) -> str:
    return f"{hundredfold(value, 2)} points"


def _margin(state: Told) -> str:
    margin = state["margin"]
    low, high = margin["mu_interval"]
    between = "" if low == high else f" [{_signed(low)}, {_signed(high)}]"
    return f"{_signed(margin['mu'])}{between}, {margin['finding']}"


def _pair(*keys: str) -> Callable[[Told], str]:
    return lambda state: ", ".join(_number(state["motion"][key]) for key in keys)


_LINES: tuple[tuple[str, Callable[[Told], str], str], ...] = (
    ("margin μ", _margin, "coldest temperature less coupling; above 0 the equilibrium is unique"),
    (
        "coupling L_c",
        lambda state: f"{_number(state['margin']['coupling'])}, {state['margin']['how']}",
        "how much executors' controls matter to each other, in units of reward",
    ),
    ("τ / L_c", lambda state: _number(state["margin"]["tau_over_coupling"], 3), "above 1 it is certified"),
    (
        "welfare that τ costs",
        lambda s: f"{_points(s['reward_best'] - s['reward_mode'])}, {_points(s['reward_best'] - s['reward_sample'])}",
        "reward of the best profile less that of the mode, and less that of samples",
    ),
    (
        "also certified by",
        lambda state: ", ".join(state["margin"]["certified_by"]) or "nothing",
        "other proofs that there is one equilibrium",
    ),
    (
        "ABR",
        lambda state: f"{_number(state['abr'])}, {_number(state['abr_played'])}",
        "mean gain of a best reply to the policy, and to the profile played; below 0.1 learning stops",
    ),
    (
        "regularized gap",
        lambda state: "–" if state["regularized_gap"] is None else f"{state['regularized_gap']:.1e}",
        "largest gain of a quantal reply: 0 at the equilibrium",
    ),
    ("entropy", lambda state: _number(state["entropy"], 3), "of the policies, from 0 for a profile to 1 for uniform"),
    (
        "oscillation",
        _pair("oscillation", "oscillation_undamped"),
        "share of an update that the next takes back, damped and at full step; above 0 it overshoots",
    ),
    ("drift", _pair("drift", "drift_undamped"), "spread of where seeds end, damped and at full step; 0 is one place"),
    (
        "regret an update",
        _pair("regret_hqre", "regret_best", "price"),
        "against the equilibrium, against the best profile, and their difference: the price of regularisation",
    ),
)
