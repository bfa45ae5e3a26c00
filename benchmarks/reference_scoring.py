"""The official way to score SQuAD predictions, written from its description: the yardstick for speed and agreement.

One question at a time, one gold answer at a time; every comparison normalises both of its texts afresh, as the
official script does. Data is the parsed SQuAD JSON, predictions and odds are dicts by question id. As a script it
takes the two files, as the official one does, and imports what that one imports.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import string
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np  # noqa: F401  as the official script does, for histograms that it seldom draws


def normalise(text: str) -> str:
    lowered = text.lower()
    punctuation = set(string.punctuation)
    bare = "".join(letter for letter in lowered if letter not in punctuation)
    without_articles = re.sub(re.compile(r"\b(a|an|the)\b", re.UNICODE), " ", bare)
    return " ".join(without_articles.split())


def tokens(text: str) -> list[str]:
    return normalise(text).split() if text else []


def exact(gold: str, given: str) -> int:
    return int(normalise(gold) == normalise(given))


def f1(gold: str, given: str) -> float:
    gold_tokens, given_tokens = tokens(gold), tokens(given)
    if not gold_tokens or not given_tokens:
        return int(gold_tokens == given_tokens)
    shared = sum((Counter(gold_tokens) & Counter(given_tokens)).values())
    if shared == 0:
        return 0
    precision, recall = 1.0 * shared / len(given_tokens), 1.0 * shared / len(gold_tokens)
    return (2 * precision * recall) / (precision + recall)


def questions(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [qa for article in data["data"] for paragraph in article["paragraphs"] for qa in paragraph["qas"]]


def raw_scores(
    data: Mapping[str, Any], predictions: Mapping[str, str]
) -> tuple[dict[str, float], dict[str, float], dict[str, bool]]:
    """EM and F1 by id, and whether the question has an answer."""
    em_by_id: dict[str, float] = {}
    f1_by_id: dict[str, float] = {}
    answerable: dict[str, bool] = {}
    for qa in questions(data):
        answerable[qa["id"]] = bool(qa["answers"])
        gold = [answer["text"] for answer in qa["answers"] if normalise(answer["text"])] or [""]
        given = predictions[qa["id"]]
        em_by_id[qa["id"]] = max(exact(text, given) for text in gold)
        f1_by_id[qa["id"]] = max(f1(text, given) for text in gold)
    return em_by_id, f1_by_id, answerable


def total(values: Sequence[float]) -> float:
    """The sum from left to right, which ``sum`` no longer gives since Python 3.12."""
    result = 0.0
    for value in values:
        result += value
    return result


def aggregate(em: Mapping[str, float], f1s: Mapping[str, float], ids: Sequence[str], prefix: str) -> dict[str, float]:
    return {
        f"{prefix}exact": 100.0 * total([em[name] for name in ids]) / len(ids),
        f"{prefix}f1": 100.0 * total([f1s[name] for name in ids]) / len(ids),
        f"{prefix}total": len(ids),
    }


def best_threshold(
    scores: Mapping[str, float],
    answerable: Mapping[str, bool],
    predictions: Mapping[str, str],
    odds: Mapping[str, float],
) -> tuple[float, float]:
    """Begin with nothing answered; let questions in by rising odds, and remember where the sum of scores was best."""
    current: float = sum(1 for has_answer in answerable.values() if not has_answer)
    best, at = current, 0.0
    for name in sorted(odds, key=lambda name: odds[name]):
        if answerable[name]:
            current += scores[name]
        elif predictions[name]:
            current -= 1
        if current > best:
            best, at = current, odds[name]
    return 100.0 * best / len(scores), at


def average_precision(scores: Mapping[str, float], answerable: Mapping[str, bool], odds: Mapping[str, float]) -> float:
    """The area under the precision-recall steps, one step for each distinct value of the odds."""
    order = sorted(odds, key=lambda name: odds[name])
    wanted = sum(answerable.values())
    found = area = recall_before = 0.0
    for place, name in enumerate(order, 1):
        if answerable[name]:
            found += scores[name]
        if place == len(order) or odds[name] != odds[order[place]]:
            area += found / place * (found / wanted - recall_before)
            recall_before = found / wanted
    return 100.0 * area


def score(
    data: Mapping[str, Any], predictions: Mapping[str, str], odds: Mapping[str, float] | None = None
) -> dict[str, float]:
    """All figures under the official keys, in the official order."""
    em, f1s, answerable = raw_scores(data, predictions)
    figures = aggregate(em, f1s, list(em), "")
    for prefix, wanted in (("HasAns_", True), ("NoAns_", False)):
        ids = [name for name, has_answer in answerable.items() if has_answer is wanted]
        if ids:
            figures |= aggregate(em, f1s, ids, prefix)
    if odds is None:
        return figures
    for name, scores in (("exact", em), ("f1", f1s)):
        figures[f"best_{name}"], figures[f"best_{name}_thresh"] = best_threshold(scores, answerable, predictions, odds)
    if any(answerable.values()):
        figures["pr_exact_ap"] = average_precision(em, answerable, odds)
        figures["pr_f1_ap"] = average_precision(f1s, answerable, odds)
        figures["pr_oracle_ap"] = average_precision(answerable, answerable, odds)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_file", metavar="data.json")
    parser.add_argument("pred_file", metavar="pred.json")
    parser.add_argument("--na-prob-file", "-n", metavar="na_prob.json")
    options = parser.parse_args()
    read = []
    for path in (options.data_file, options.pred_file, options.na_prob_file):
        if path and not os.path.exists(path):  # noqa: PTH110  the official script imports os, not pathlib
            sys.exit(f"{path} does not exist")
        with open(path or os.devnull, encoding="utf-8") as file:  # noqa: PTH123
            read.append(json.load(file) if path else None)
    print(json.dumps(score(*read), indent=2))


if __name__ == "__main__":
    main()
