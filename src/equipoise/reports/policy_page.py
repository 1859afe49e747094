"""A learned policy as one HTML page that needs nothing else: whom it calls, whether it settled, at what cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equipoise
from equipoise.analysis.intervals import Interval
from equipoise.reports.formats import count, percent
from equipoise.reports.policy_numbers import checklist, rows, verdict
from equipoise.reports.policy_picture import reliability, way
from equipoise.reports.rendering import render

Told = Mapping[str, Any]
"""What `policy.json` says."""


def page(told: Told, *, name: str) -> str:
    """The page of a policy.

    Args:
        told: what `policy.json` says.
        name: of the policy, such as its folder's.
    """
    pictures = {
        "The way to the equilibrium: what samples of the policies earn, how much an executor could still gain (ABR), "
        "and how mixed the policies are, by update.": way(told["course"]),
        "The stop belief: share of right answers over what was believed when it stopped, on questions that were not "
        "learned from. On the line it is right as often as it believes.": reliability(_calibration(told)),
    }
    return render(
        "policy.html",
        name=name,
        told=told,
        verdict=verdict(told),
        standing="beats" if (told["diagnosis"] or {}).get("finding") == "certified" else "",
        cards=_cards(told),
        pictures={caption: svg for caption, svg in pictures.items() if svg},
        rows=rows(told),
        checklist=checklist(told),
        executors=_executors(told),
        facts=_facts(told),
    )


def summary(told: Told) -> list[str]:
    """The same in a few lines for a terminal."""
    plays = told["plays"]
    lines = [*told["notices"], verdict(told), f"{plays['sentence']} {_rounds(plays['rounds'])}"]
    for what, number, cost in _cards(told):
        lines.append(f"{what}: {number}, {cost}")
    lines += [f"{label}: {', '.join(cells)}" for label, cells, _ in rows(told)[:4]]
    return lines


def _rounds(rounds: list[list[str]]) -> str:
    return " → ".join(" + ".join(part) if part else "nobody" for part in rounds)


def _cards(told: Told) -> list[tuple[str, str, str]]:
    """Figures to see first: name, accuracy on questions that were not learned from, what it cost."""
    judged = told["held_out"]
    if judged is None:
        return []
    shown = (("this policy", "control"), ("plain vote of all", "vote"), ("best single column", "single"))
    return [
        (what, f"{percent(Interval(**judged[key]['accuracy']))} %", f"{count(judged[key]['cost'])} tokens a question")
        for what, key in shown
    ]


def _calibration(told: Told) -> Mapping[str, Any] | None:
    return (told["held_out"] or {}).get("calibration")


def _executors(told: Told) -> list[dict[str, Any]]:
    """Each executor's controls with their probability in the equilibrium and whether it is played, by state."""
    held = told["equilibrium"]
    if held is None:
        return []
    found = []
    for state, settled in enumerate(held["states"]):
        for place, player in enumerate(held["players"]):
            played = settled["profile"][place]
            shown = [
                {"name": _control(name, player), "chance": chance, "played": at == played}
                for at, (name, chance) in enumerate(zip(held["controls"][place], settled["policy"][place], strict=True))
            ]
            found.append({"name": player, "state": state + 1, "controls": shown})
    return found


def _control(column: str, player: str) -> str:
    return "ask" if column == player else column.removeprefix(f"{player}|")


def _facts(told: Told) -> dict[str, str]:
    """How it was learned, without paths."""
    config, data = told["config"], told["data"]
    rules = config["rules"]
    game = rules["settings"]
    switches = {
        "no anchor": not rules["anchor"],
        "no exact check": not rules["verify"],
        "uninformed": not rules["informed"],
        "sampled": game["readout"] == "sample",
        "best profile not compared": not game["compare"],
        "fixed controls": config["fixed"],
    }
    schedule = f"{game['schedule']}, τ = {game['temperature']:g}, κ = {game['multiplier']:g}"
    facts = {
        "learned from": f"{data['questions']:,} questions of {data.get('task') or data.get('name', 'a recording')}",
        "recording": f"{data['name']} (SHA-256 {str(data['sha256'])[:16]}…)" if "sha256" in data else "",
        "columns": ", ".join(told["columns"]),
        "way": f"{config['mode']}, {rules['form'].replace('_', ' ')}, seed {config['seed']}",
        "price": f"{told['price']:.3g} of accuracy a token" + ("" if config["price"] is not None else ", chosen"),
        "temperatures": f"{schedule}, damping {game['damping']:g}, tilt {game['tilt']:g}, {rules['states']} state(s)",
        "switches": ", ".join(name for name, on in switches.items() if on),
        "made with": f"equipoise {equipoise.__version__}",
    }
    return {what: fact for what, fact in facts.items() if fact}
