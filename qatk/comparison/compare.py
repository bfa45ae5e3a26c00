"""Compare two or more systems question by question; the first is the baseline.

Every difference is tested by its standard error over clusters, with one degree of freedom fewer than there are
clusters. If a system has several seeds, the standard error is over seeds and clusters, so that the claim covers other
seeds too. McNemar's exact test (EM of single runs) and approximate randomisation are shown beside it. They treat
questions as independent and find too many differences if the questions of an article are correlated.

Holm's correction (Holm 1979) applies to these families: the tests of EM and F1 over all, answerable and unanswerable
questions of all pairs form one family; the tests of EM and F1 over the slices of a pair form one family per pair. Tests
of the same differences on the same questions count as one hypothesis, such as EM and F1 of questions without an answer.
A difference is ``better`` or ``worse`` if its adjusted p is below 0.05 and 0 lies neither in the interval by cluster
nor, with several seeds, in the two-way interval. The detectable difference is the one found with 80 % power at level
0.05 / m for m hypotheses in the family, the strictest level of Holm's correction. Slices are those that all systems
have, with the same questions.

Letters in shapes: n questions, g groups of them, k pairs of systems.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np

from qatk.arguments import whole
from qatk.comparison.alignment import (
    common_masks,
    refuse_no_pair,
    refuse_no_points,
    refuse_none,
    refuse_other_normalisers,
)
from qatk.comparison.figures import Figures, joined, measure
from qatk.comparison.margins import with_margins
from qatk.comparison.planning import needed
from qatk.comparison.verdicts import caveat, summary, verdict
from qatk.comparison.wins_losses import rank_questions
from qatk.errors import UsageError
from qatk.files import finite
from qatk.results.comparison import ALPHA, UNRESOLVED, Comparison, Difference, Interval, Pair, System
from qatk.results.evaluation import made_of, plain_interval, plain_intervals
from qatk.statistics.significance import DRAWS, SEED, detectable_difference, holm
from qatk.types import Bool, Clusters, Float64, Int64, clusters_of, contexts_of, groups_of

METRICS = ("exact", "f1")


def check_figures(draws: int, seed: int, margin: float | None = None, detect: float | None = None) -> None:
    """Refuse figures that no comparison can have; to be called before runs are made for one.

    Args:
        draws: of the bootstrap and the randomisation.
        seed: of the draws.
        margin: in points of F1, as of :func:`compare_systems`.
        detect: the difference in F1 that is planned for, see :func:`qatk.comparison.planning.needed`.

    Raises:
        UsageError: for no draws, a negative seed, and points that are not above 0.
    """
    whole(draws, "draws", 1)
    whole(seed, "seed", 0)
    for option, points in (("margin", margin), ("detect", detect)):
        if points is not None:
            refuse_no_points(option, points)


def compare_systems(
    systems: Sequence[System],
    *,
    draws: int = DRAWS,
    seed: int = SEED,
    cluster: str | None = None,
    margin: float | None = None,
    all_pairs: bool = False,
    detect: float | None = None,
) -> Comparison:
    """Compare each system with the first, or all with each other, question by question.

    A single system is summed up.

    Args:
        systems: on the same examples in the same order, as :mod:`qatk.comparison.systems` gives them.
        draws: the number of draws of the bootstrap and the randomisation.
        seed: of the draws; the same seed gives the same figures.
        cluster: the column that defines clusters, see :func:`qatk.types.clusters_of`; ``None`` uses that by which all
            systems were evaluated, or articles.
        margin: the margin in F1, in percentage points, within which a system counts as no worse; ``None``: no such
            test.
        all_pairs: compare every system with every other; Holm's correction then covers all pairs.
        detect: a difference in F1, in percentage points: what data would find it, see
            :func:`qatk.comparison.planning.needed`.

    Raises:
        UsageError: for no system, for a margin or a difference to detect of a single one; for systems without
            ``exact`` and ``f1`` or on different questions; for what :func:`check_figures` refuses; for an unknown
            cluster column.
    """
    check_figures(draws, seed, margin, detect)
    refuse_none(len(systems))
    if margin is not None or detect is not None:
        refuse_no_pair(len(systems))
    _refuse_unfit(systems)
    refuse_other_normalisers({system.name: system.evaluation for system in systems})
    examples = systems[0].evaluation.examples
    masks = common_masks([evaluation for system in systems for evaluation in system.evaluations])
    clusters = clusters_of(examples, _common_cluster(systems) if cluster is None else cluster)
    if len(systems) == 1:
        return Comparison(examples, systems, [], masks, clusters, draws, seed, summary=summary(systems[0], clusters))
    pairs = _pairs(systems, masks, clusters, draws, seed, all_pairs=all_pairs)
    said = caveat(systems, pairs)
    if said and len(pairs) == 1:
        pairs = [replace(pairs[0], verdict=f"{pairs[0].verdict} {said}")]
    if margin is not None:
        pairs = with_margins(pairs, systems, margin)
    said = "" if len(pairs) == 1 else said
    plans = [] if detect is None else needed(pairs, systems, detect, clusters.kind)
    return Comparison(examples, systems, pairs, masks, clusters, draws, seed, caveat=said, plans=plans)


def _common_cluster(systems: Sequence[System]) -> str | None:
    """The column by which all of them were evaluated."""
    named = {evaluation.cluster for system in systems for evaluation in system.evaluations}
    return named.pop() if len(named) == 1 else None


def _pairs(
    systems: Sequence[System],
    masks: Mapping[str, Mapping[str, Bool]],
    clusters: Clusters,
    draws: int,
    seed: int,
    *,
    all_pairs: bool,
) -> list[Pair]:
    """The first system with each other, or all with each other."""
    examples = systems[0].evaluation.examples
    groups = {group.name: rows for group, rows in groups_of(examples.has_answer, distinct=True).items()}
    sliced = {f"{slicer}: {name}": mask for slicer, named in masks.items() for name, mask in named.items()}
    table = np.stack([*groups.values(), *sliced.values()])
    scores = [np.stack([system.per_question(metric) for metric in METRICS], axis=1) for system in systems]
    firsts = range(len(systems) - 1 if all_pairs else 1)
    contexts = contexts_of(examples)
    figures = joined([measure(scores[i:], table, clusters.index, contexts, draws=draws, seed=seed) for i in firsts])
    adjusted, sizes = _by_family(figures, len(groups))
    names, totals = [*groups, *sliced], table.sum(axis=1).tolist()
    pairs = []
    for k, (first, second) in enumerate((i, j) for i in firsts for j in range(i + 1, len(systems))):
        baseline, other = systems[first], systems[second]
        found = [
            _difference(figures, adjusted, ALPHA / sizes, (g, k, m), name, totals[g])
            for g, name in enumerate(names)
            for m in range(len(METRICS))
        ]
        main, slices = found[: len(groups) * len(METRICS)], found[len(groups) * len(METRICS) :]
        wins, losses, both_wrong = rank_questions(baseline, other, clusters.index)
        said = verdict(baseline, other, main, clusters)
        pairs.append(Pair(first, second, main, sorted(slices, key=_clearest), wins, losses, both_wrong, said))
    return pairs


def _by_family(figures: Figures, groups: int) -> tuple[Float64, Int64]:
    """[g, k, m] each: adjusted p, and how many hypotheses its family has.

    The first so many groups of all pairs are a family; the others are one a pair.
    """
    adjusted, sizes = np.empty_like(figures.p), np.empty(figures.p.shape, np.int64)
    for family in (np.s_[:groups, :], *(np.s_[groups:, k : k + 1] for k in range(figures.p.shape[1]))):
        p, hypotheses = figures.p[family], figures.hypotheses[family]
        adjusted[family] = holm(p.ravel(), hypotheses.ravel()).reshape(p.shape)
        sizes[family] = len(np.unique(hypotheses))
    return adjusted, sizes


def _refuse_unfit(systems: Sequence[System]) -> None:
    ids = systems[0].evaluation.examples.id
    for system in systems:
        for evaluation in system.evaluations:
            if lacking := [metric for metric in METRICS if metric not in evaluation.per_question]:
                what = f"{system.name} has no {' and no '.join(lacking)} of each question"
                raise UsageError(what, fix="score it by the squad metric: a comparison is of EM and F1")
            if evaluation.examples.id is not ids and list(evaluation.examples.id) != list(ids):
                raise UsageError(
                    f"{system.name} is not over the questions of {systems[0].name}", fix="align them first"
                )


def _difference(
    figures: Figures, adjusted: Float64, levels: Float64, at: tuple[int, int, int], group: str, total: int
) -> Difference:
    g, _, m = at
    detectable = detectable_difference(figures.error[at], float(figures.freedom[at]), float(levels[at]))
    baseline, other = float(figures.baseline[at]), float(figures.other[at])
    by_cluster = _interval(figures.by_cluster, at)
    two_way = None if np.isnan(figures.two_way[0][at]) else _interval(figures.two_way, at)
    clear = adjusted[at] < ALPHA and not any(i.low <= 0 <= i.high for i in (by_cluster, two_way) if i is not None)
    return Difference(
        metric=METRICS[m],
        group=group,
        total=total,
        baseline=100 * baseline,
        other=100 * other,
        difference=100 * (other - baseline),
        by_question=_interval(figures.by_question, at),
        by_cluster=by_cluster,
        p=float(figures.p[at]),
        p_adjusted=float(adjusted[at]),
        p_by_question=float(figures.p_by_question[at]),
        detectable=100 * float(detectable),
        verdict=("better" if other > baseline else "worse") if clear else UNRESOLVED,
        two_way=two_way,
        cluster_count=int(figures.clusters[g]),
        effective_clusters=float(figures.effective[g]),
        design_effect=float(figures.design_effect[at]),
        error=100 * float(figures.error[at]),
        freedom=float(figures.freedom[at]),
        cluster_share=float(figures.cluster_share[at]),
        level=float(levels[at]),
    )


def _interval(bounds: Float64, at: tuple[int, int, int]) -> Interval:
    low, high = 100 * bounds[(slice(None), *at)]
    return Interval(float(low), float(high))


def _clearest(difference: Difference) -> tuple[bool, float, float, float]:
    """The order of slices: resolved ones first, then by p, and of equal ones by how far from 0 for their error."""
    unresolved = difference.verdict == UNRESOLVED
    sure = abs(difference.difference) / difference.detectable if difference.detectable > 0 else 0.0
    return unresolved, difference.p_adjusted, difference.p, -sure


def comparison_to_dict(comparison: Comparison) -> dict[str, object]:
    """Everything a program needs, in plain types for JSON: NaN is ``None``, questions are ids."""
    systems, ids = comparison.systems, comparison.examples.id
    plain = {
        **made_of(systems[0].evaluation.data, comparison.examples),
        "questions": len(ids),
        "normaliser": systems[0].evaluation.normaliser,
        "clusters": comparison.clusters.as_dict(),
        "draws": comparison.draws,
        "seed": comparison.seed,
        "systems": [_system_to_dict(system, comparison) for system in systems],
        "summary": comparison.summary,
        "caveat": comparison.caveat,
        "pairs": [_pair_to_dict(pair, systems, ids) for pair in comparison.pairs],
        "detect": [asdict(plan) for plan in comparison.plans],
    }
    return {name: finite(value) for name, value in plain.items()}


def _system_to_dict(system: System, comparison: Comparison) -> dict[str, object]:
    clusters = comparison.clusters
    known = [name for name in system.evaluation.metrics if all(name in e.metrics for e in system.evaluations)]
    runs = [
        {
            "seed": seed,
            "source": source,
            "metrics": dict(evaluation.metrics),
            "intervals": _intervals(System("", [evaluation]), clusters),
        }
        for seed, source, evaluation in zip(system.seeds, system.sources, system.evaluations, strict=True)
    ]
    of_runs = {name: [e.metrics[name] for e in system.evaluations] for name in known}
    means = {name: float(np.mean(of)) if len(set(of)) > 1 else of[0] for name, of in of_runs.items()}
    intervals = _intervals(system, clusters)
    settings = {key: system.settings[key] for key in comparison.settings if key in system.settings}
    own = {"name": system.name, "metrics": means, "intervals": intervals, "facts": dict(system.facts)}
    return {**own, "settings": settings, "runs": runs}


def _intervals(system: System, clusters: Clusters) -> dict[str, list[float] | None]:
    examples = system.evaluation.examples
    return plain_intervals(examples, METRICS, lambda metric, rows: system.interval(metric, rows, clusters))


def _pair_to_dict(pair: Pair, systems: Sequence[System], ids: Sequence[str]) -> dict[str, object]:
    rows = {name: [ids[i] for i in getattr(pair, name).tolist()] for name in ("wins", "losses", "both_wrong")}
    return {
        "baseline": systems[pair.baseline].name,
        "other": systems[pair.other].name,
        "verdict": pair.verdict,
        "margin": None if pair.margin is None else asdict(pair.margin),
        **{name: [_difference_to_dict(d) for d in getattr(pair, name)] for name in ("differences", "slices")},
        **rows,
    }


def _difference_to_dict(difference: Difference) -> dict[str, object]:
    plain = {k: plain_interval(v) if isinstance(v, Interval) else v for k, v in vars(difference).items()}
    return {**plain, "tests": difference.tests}
