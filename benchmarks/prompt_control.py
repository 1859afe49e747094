"""DICE-PC on recorded answers of real models, against the plain vote and the best single column, on held-out questions.

    python benchmarks/prompt_control.py --data FOLDER [--pools gsm_mid5,csqa_all12] [--splits 10] [--json OUT]
    python benchmarks/prompt_control.py --recording FILE --columns "agent|strategy,…" [--json OUT]

FOLDER holds recorded/*.jsonl.gz and pools.json, which names pools: {"pool": {"recording": …, "columns": […]}}. For each
pool: the frontier at every method's own price (40 % of the questions teach, the others judge, intervals paired by
question), the ablations of the one-shot form, how many questions learning needs, and what is left when the labels are
permuted. With several recordings, policies learned on one benchmark are played on another, with no label of it.
Nothing is called: everything is counterfactual replay. Minutes for all pools on one core.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from equipoise.analysis.paired import Difference, difference_of
from equipoise.beliefs.ballots import Ballots, Floats
from equipoise.beliefs.policy import Policy, run
from equipoise.frontier.contenders import contenders
from equipoise.frontier.judging import Terms, judge
from equipoise.frontier.pool import Pool, pool_of
from equipoise.frontier.splits import permuted, splits_of
from equipoise.methods.dice_pc import DicePc
from equipoise.methods.majority_vote import MajorityVote

METHODS = ("fixed_control", "cascade", "dice_pc", "dice_pc(form=two_rounds)", "dice_pc(form=simultaneous)")

ABLATIONS: Mapping[str, DicePc] = {
    "as it is": DicePc(form="simultaneous"),
    "heterogeneous: by entropy": DicePc(form="simultaneous", schedule="entropy", compare=False),
    "heterogeneous: certified": DicePc(form="simultaneous", schedule="certified", compare=False),
    "homogeneous, mode alone": DicePc(form="simultaneous", compare=False),
    "unregularised": DicePc(form="simultaneous", schedule="unregularised", compare=False),
    "sampled": DicePc(form="simultaneous", sampled=True, compare=False),
    "sampled, certified": DicePc(form="simultaneous", schedule="certified", sampled=True, compare=False),
    "no anchor": DicePc(form="simultaneous", anchor=False, compare=False),
    "no reference tilt": DicePc(form="simultaneous", tilt=0.0, compare=False),
    "undamped": DicePc(form="simultaneous", damping=1.0, compare=False),
    "three states": DicePc(form="simultaneous", states=3),
    "temperature × 0.25": DicePc(form="simultaneous", multiplier=0.25, compare=False),
    "temperature × 0.5": DicePc(form="simultaneous", multiplier=0.5, compare=False),
    "temperature × 2": DicePc(form="simultaneous", multiplier=2.0, compare=False),
    "temperature × 4": DicePc(form="simultaneous", multiplier=4.0, compare=False),
    "votes only (no lengths)": DicePc(informed=False),
}
"""Switches of the method, one at a time; where the best profile would hide the equilibrium it is not compared."""

SIZES = (10, 20, 40, 60, 80, 100, 150, 200)
"""Training questions of the learning curve, and all of them."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What a pool must reach, in points and output tokens."""

    vs_vote: float = -np.inf
    vs_single: float = -np.inf
    accuracy: float = -np.inf
    share: float = np.inf
    tokens: float = np.inf


BARS: Mapping[str, Bar] = {
    "gsm_mid5": Bar(vs_vote=-0.5, share=0.60),
    "gsmP_gpt35": Bar(vs_vote=-0.8, share=0.65),
    "gsmP_mix": Bar(vs_vote=-1.2, vs_single=5.5, share=0.42),
    "csqa_all12": Bar(accuracy=83.5, tokens=30),
    "plan_gpt4": Bar(vs_vote=3.0, share=0.50),
    "plan_mid8": Bar(accuracy=93.0, tokens=320),
}
CHECKED = {"plan_mid8"}
"""Pools on which the exact check may be used; on the others DICE-PC must do without."""


def main() -> None:
    """Prints the tables, and writes them as JSON."""
    args = _arguments()
    started, cpu = time.time(), time.process_time()
    if args.recording:
        pools = {"recording": pool_of(args.recording, args.columns.split(",") if args.columns else None)}
    else:
        listed = json.loads((args.data / "pools.json").read_text())
        names = args.pools.split(",") if args.pools else list(listed)
        pools = {n: pool_of(args.data / "recorded" / listed[n]["recording"], listed[n]["columns"]) for n in names}
    told = {name: measure(name, pool, args.splits, args.seed) for name, pool in pools.items()}
    if len(pools) > 1:
        moved = transfers(pools)
        show_transfers(moved)
        told = {"pools": told, "transfer": moved}
    elif args.recording:
        told = told["recording"]
    seen = {"date": date.today().isoformat(), "machine": platform.platform(), "python": platform.python_version()}
    print(f"\n{time.time() - started:.0f} s, {time.process_time() - cpu:.0f} s of CPU; {seen['machine']}")
    if args.json:
        args.json.write_text(json.dumps({**told, **seen, "seed": args.seed}, indent=1, allow_nan=False) + "\n")


def measure(name: str, pool: Pool, splits: int, seed: int) -> dict[str, Any]:
    """A pool's frontier as `equipoise frontier` writes it, with the further tables beside it."""
    verify = name in CHECKED
    specs = [_spec(spec, verify) for spec in METHODS]
    found = judge(pool, contenders(specs), Terms(splits=splits, seed=seed)).as_json()
    table = {method: next(p for p in held["points"] if p["default"]) for method, held in found["methods"].items()}
    dice = table[DicePc(verify=verify).name]
    met = _met(BARS[name], dice, table["majority_vote"]) if name in BARS else None
    show_frontier(name, found, table, met)
    cuts = list(splits_of(pool.ballots.questions, train=0.4, splits=splits, seed=seed))
    extra = {
        "bar_met": met,
        "learning_s": _learning_seconds(pool, cuts[0].train, verify),
        "ablations": ablated(pool.ballots, cuts),
        "learning_curve": curve(pool.ballots, cuts, verify),
        "permuted_labels": shuffled(pool.ballots, cuts, verify, seed),
    }
    show_extra(extra)
    return {**found, "source": Path(found["source"]).name, **extra}


def ablated(ballots: Ballots, cuts: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """What each switch gives at the price of the method as it is, beside that."""
    played: dict[str, list[Floats]] = {name: [] for name in ABLATIONS}
    for cut in cuts:
        train, test = ballots.at(cut.train), ballots.at(cut.test)
        price = getattr(ABLATIONS["as it is"].learn(train), "price", None)
        for name, method in ABLATIONS.items():
            at = method if method.form == "one_at_a_time" else replace(method, price=price)
            played[name].append(
                _scattered(len(ballots), cut.test, _outcomes(replace(at, verify=False).learn(train), test))
            )
    return _beside(played, "as it is")


def curve(ballots: Ballots, cuts: Sequence[Any], verify: bool) -> dict[str, dict[str, Any]]:
    """Utility by how many questions taught, at one price: what asking everybody is worth three points of accuracy."""
    price = 0.03 / float(ballots.cost.sum(axis=1).mean())
    sizes = [n for n in SIZES if n < len(cuts[0].train)]
    played: dict[str, list[Floats]] = {str(n): [] for n in [*sizes, "all"]}
    for s, cut in enumerate(cuts):
        order = np.random.default_rng(s).permutation(cut.train)
        for label, rows in played.items():
            train = ballots.at(order if label == "all" else order[: int(label)])
            outcome = _outcomes(DicePc(price=price, verify=verify).learn(train), ballots.at(cut.test))
            outcome = np.column_stack([outcome[:, 0] - price * outcome[:, 1], outcome[:, 1]])
            rows.append(_scattered(len(ballots), cut.test, outcome))
    return _beside(played, "all")


def shuffled(ballots: Ballots, cuts: Sequence[Any], verify: bool, seed: int) -> dict[str, dict[str, Any]]:
    """DICE-PC learned from permuted labels, beside the vote; it may not be better."""
    rng = np.random.default_rng(seed)
    played: dict[str, list[Floats]] = {"vote": [], "dice_pc": []}
    for cut in cuts:
        train, test = permuted(ballots.at(cut.train), rng), ballots.at(cut.test)
        for name, policy in (("vote", MajorityVote().learn(None)), ("dice_pc", DicePc(verify=verify).learn(train))):
            played[name].append(_scattered(len(ballots), cut.test, _outcomes(policy, test)))
    return _beside(played, "vote")


def transfers(pools: Mapping[str, Pool]) -> dict[str, dict[str, Any]]:
    """DICE-PC learned on one benchmark and played on another with the same columns, none of whose labels it sees."""
    moved: dict[str, dict[str, Any]] = {}
    for (source, learned), (target, judged) in itertools.permutations(pools.items(), 2):
        shared = [c for c in learned.ballots.columns if c in judged.ballots.columns]
        if learned.benchmarks == judged.benchmarks or len(shared) < 3:
            continue
        train, test = (b.only([b.columns.index(c) for c in shared]) for b in (learned.ballots, judged.ballots))
        vote, ours = (_outcomes(p, test) for p in (MajorityVote().learn(None), DicePc(verify=False).learn(train)))
        moved[f"{source} to {target}"] = _row(ours, vote)
    return moved


def show_frontier(name: str, found: Mapping[str, Any], table: Mapping[str, Any], met: bool | None) -> None:
    """Prints a pool's table."""
    told = "" if met is None else f"; bar {'met' if met else 'NOT met'}"
    print(f"\n{name}: {found['questions']} questions, {len(found['columns'])} columns, {found['splits']} splits{told}")
    print(f"  {'':44} {'accuracy':>8} {'tokens':>8} {'of vote':>8}  {'points against the vote':>24} {'steps':>6}")
    for method, point in table.items():
        share = point["tokens"] / table["majority_vote"]["tokens"]
        row = f"  {method:44} {point['accuracy']:8.2f} {point['tokens']:8.1f} {share:8.2f}"
        print(f"{row}  {_interval(point['vs_vote']):>24} {point['steps']:6.2f}", flush=True)


def show_extra(extra: Mapping[str, Any]) -> None:
    """Prints the further tables of a pool."""
    print(f"  learning on 40 %: {extra['learning_s']:.2f} s of CPU")
    for title, key in (
        ("ablations of the one-shot form, against it as it is", "ablations"),
        ("utility by training questions, against all of them", "learning_curve"),
        ("learned from permuted labels, against the vote", "permuted_labels"),
    ):
        print(f"  {title}")
        for label, row in extra[key].items():
            print(f"    {label:42} {row['accuracy']:8.2f} {row['tokens']:8.1f}  {_interval(row['difference']):>24}")


def show_transfers(moved: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints what policies are worth on benchmarks that they were not learned on."""
    print("\nlearned on one benchmark, played on another without a label of it, against the vote there")
    for label, row in moved.items():
        told = f"{row['accuracy']:8.2f} {row['tokens']:8.1f} {row['share']:5.2f}  {_interval(row['difference'])}"
        print(f"  {label:42} {told}")


def _spec(spec: str, verify: bool) -> str:
    if verify or not spec.startswith("dice_pc"):
        return spec
    return spec.replace(")", ",verify=False)") if "(" in spec else f"{spec}(verify=False)"


def _met(bar: Bar, ours: Mapping[str, Any], vote: Mapping[str, Any]) -> bool:
    return bool(
        ours["vs_vote"][0] >= bar.vs_vote
        and ours["vs_single"][0] >= bar.vs_single
        and ours["accuracy"] >= bar.accuracy
        and ours["tokens"] <= min(bar.tokens, bar.share * vote["tokens"])
    )


def _outcomes(policy: Policy, test: Ballots) -> Floats:
    """[questions, 2] whether the policy is right, and its cost."""
    played = run(policy, replace(test, correct=None))
    assert test.correct is not None
    return np.column_stack([(played.chosen * test.correct).sum(axis=1), (played.asked * test.cost).sum(axis=1)])


def _scattered(count: int, at: Any, outcome: Floats) -> Floats:
    """[questions, 2] outcomes of a split among all questions, NaN where it does not judge."""
    spread = np.full((count, 2), np.nan)
    spread[at] = outcome
    return spread


def _beside(played: Mapping[str, Sequence[Floats]], baseline: str) -> dict[str, dict[str, Any]]:
    """A row per label: means over splits and questions, and the difference to the baseline, paired by question."""
    means = {label: np.nanmean(np.stack(rows), axis=0) for label, rows in played.items()}
    return {label: _row(mean, means[baseline]) for label, mean in means.items()}


def _row(ours: Floats, baseline: Floats) -> dict[str, Any]:
    found: Difference = difference_of(ours[:, 0] - baseline[:, 0])
    accuracy, tokens = ours.mean(axis=0)
    interval = [100 * x for x in (found.interval.mean, found.interval.low, found.interval.high)]
    share = float(tokens / baseline[:, 1].mean())
    return {"accuracy": 100 * float(accuracy), "tokens": float(tokens), "share": share, "difference": interval}


def _learning_seconds(pool: Pool, train: Any, verify: bool) -> float:
    started = time.process_time()
    DicePc(verify=verify).learn(pool.ballots.at(train))
    return time.process_time() - started


def _interval(value: Sequence[float]) -> str:
    return f"{value[0]:+.2f} [{value[1]:+.2f}, {value[2]:+.2f}]"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with recorded/ and pools.json")
    parser.add_argument("--pools", help="some of the pools, separated by commas")
    parser.add_argument("--recording", type=Path, help="a recording instead")
    parser.add_argument("--columns", help="of the recording, separated by commas")
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if not args.recording and not args.data:
        parser.error("name --data FOLDER or --recording FILE")
    return args


if __name__ == "__main__":
    main()
