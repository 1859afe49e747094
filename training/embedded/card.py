"""The measured part of the model card: tables in Markdown from the measurements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from training.embedded.measures import CHAIN
from training.embedded.recipes import RECIPES

CARD = Path(__file__).parents[2] / "docs" / "embedded_models.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

LABELS = {"direct": "direct", "step_by_step": "steps", "decompose": "decompose", "verify": "verify"}


def percent(share: float) -> str:
    """A share in whole percent."""
    return f"{100 * share:.0f}"


def half_width(share: float, n: int) -> float:
    """Half of the width of the Wilson 95 % interval of a share of `n`."""
    z = 1.96
    return z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _accuracy(found: Mapping[str, Any]) -> str:
    rows = []
    for family, cells in found["families"].items():
        for name, by_strategy in cells["accuracy"].items():
            best = max(by_strategy.values())
            shown = [f"**{percent(v)}**" if v == best else percent(v) for v in by_strategy.values()]
            rows.append([f"{family}, {name}", *shown, f"±{100 * half_width(best, found['puzzles']):.0f}"])
    return _table(["family, model", *LABELS.values(), "95 %"], rows)


def _oracle(found: Mapping[str, Any]) -> str:
    rows = []
    for family, cells in found["families"].items():
        best, chain = cells["oracle"]["best"], cells["oracle"]["chain"]
        rows.append(
            [
                family,
                ", ".join(f"{name} {LABELS[s]}" for name, s in cells["oracle"]["strategy"].items()),
                percent(best["model"]),
                percent(best["oracle"]),
                percent(chain["model"]),
                percent(chain["oracle"]),
                percent(cells["peers"]["majority"]),
            ]
        )
    rows.append(["all, one model for all", "", *_overall(found), ""])
    head = [
        "family",
        "best strategies",
        "best model",
        "oracle",
        "best model, steps",
        "oracle, steps",
        "majority, steps",
    ]
    return _table(head, rows)


def _overall(found: Mapping[str, Any]) -> list[str]:
    """Best model and oracle over all families, with best strategies and step by step; one model answers everything."""
    families = list(found["families"].values())
    shown: list[str] = []
    for way, value in (("best", lambda cells: max(cells.values())), ("chain", lambda cells: cells[CHAIN])):
        models = [sum(value(cells["accuracy"][name]) for cells in families) / len(families) for name in RECIPES]
        oracle = sum(cells["oracle"][way]["oracle"] for cells in families) / len(families)
        shown += [percent(max(models)), percent(oracle)]
    return shown


def _plans(found: Mapping[str, Any]) -> str:
    rows = []
    for family, cells in found["families"].items():
        for name, plans in cells["plans"].items():
            shown = [percent(plans[s][k]) for s in ("direct", CHAIN) for k in ("none", "given", "own")]
            rows.append([f"{family}, {name}", *shown, percent(plans["own plan is the family's"])])
    head = [
        "family, model",
        "direct",
        "with plan",
        "own plan",
        "steps",
        "with plan ",
        "own plan ",
        "own plan as the family's",
    ]
    return _table(head, rows)


def _peers(found: Mapping[str, Any]) -> str:
    rows = []
    for family, cells in found["families"].items():
        for name in RECIPES:
            peers = cells["peers"][name]
            shown = [percent(peers[k]) for k in ("before", "after", "repaired", "spoiled", "combined")]
            rows.append([f"{family}, {name}", *shown, percent(cells["choices"][name])])
    return _table(["family, model", "before", "after", "repaired", "spoiled", "combined", "right choice"], rows)


def _shortcuts(found: Mapping[str, Any]) -> str:
    rows = [
        [f"{family}: {rule}", percent(share)]
        for family, rules in found["shortcuts"].items()
        for rule, share in rules.items()
    ]
    return _table(["rule", "right"], rows)


def _training(found: Mapping[str, Any]) -> str:
    rows = []
    for name, recipe in RECIPES.items():
        run = found["training"][name]
        rows.append(
            [
                name,
                f"{recipe.layers} × {recipe.hidden}",
                f"{found['parameters'][name] / 1e6:.2f} M",
                str(recipe.seed),
                str(run.get("steps", "–")),
                f"{run['cpu_min']:.0f}" if run else "–",
                f"{100 * found['fp32 minus fp16'].get(name, 0):+.1f}",
            ]
        )
    head = ["model", "layers × width", "parameters", "seed", "steps", "CPU min", "fp32 − fp16, points"]
    return _table(head, rows)


def rendered(found: Mapping[str, Any]) -> str:
    """The measured part of the card in Markdown."""
    parts = (
        f"Percent right of {found['puzzles']} test puzzles of each family (seed {found['seed']}), greedy decoding.",
        "### Training", _training(found),
        "### Accuracy by strategy", "Best strategy in bold; the last column is the half-width of its 95 % interval.",
        _accuracy(found),
        "### Complementarity",
        "Left: each model in its best strategy (chosen on the same puzzles). Right: all models step by step.",
        _oracle(found),
        "### Plans",
        "Without a plan, with the family's plan line, and with the plan that the model itself wrote. The first"
        f" {found['compared']} puzzles.",
        _plans(found),
        "### Peers",
        "First answers step by step, then one round of debate in which each model reads the other two, and one"
        " combination of all three. Repaired and spoiled are shares of all puzzles. The last column is the share of"
        " right choices between a right and a wrong solution; chance is 50. The first"
        f" {found['compared']} puzzles.",
        _peers(found),
        "### Shortcuts", "Rules that answer without reasoning.",
        _shortcuts(found),
    )  # fmt: skip
    return "\n\n".join(parts)


def write_card(found: Mapping[str, Any], card: Path) -> None:
    """Replaces the measured part of the card."""
    before, _, rest = card.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    card.write_text(f"{before}{BEGIN}\n\n{rendered(found)}\n\n{END}{after}")
