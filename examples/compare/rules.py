"""Two systems without a model, for docs/how-to/compare.md: which answers they give, and how sure they are.

``python examples/compare/rules.py`` writes the files next to it: the generated questions, and the answers and null odds
of each system. Both look in the sentence that shares the most words with the question for a candidate of the right
kind. ``bold`` always gives it; ``careful`` only gives it if the sentence has enough of the question's words.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from qatk.testing import PluginHost
from qatk.types import Examples

HERE = Path(__file__).parent
NUMBER, NAME = r"\b\d[\d,]*\b", r"\b[A-Z]\w+(?: [A-Z]\w+)*\b"
KINDS = {"when": NUMBER, "year": NUMBER, "many": NUMBER, "who": NAME, "where": NAME}
COMMON = {"the", "of", "in", "a", "did", "does", "do", "was", "is", "have", "has", "what", "which", *KINDS}


def words(text: str) -> set[str]:
    """The content words of a sentence or a question."""
    return set(re.findall(r"\w+", text.lower())) - COMMON


def answer(question: str, context: str) -> tuple[str, float]:
    """The best guess, and the share of the question's words that its sentence lacks."""
    asked = words(question)
    sentences = re.split(r"(?<=[.!?]) ", context)
    best = max(sentences, key=lambda sentence: len(asked & words(sentence)))
    kind = next((KINDS[word] for word in question.lower().split() if word in KINDS), r"\w+ \w+(?=\.$)")
    found = [text for text in re.findall(kind, best) if not words(text) & asked]
    return found[0] if found else "", 1 - len(asked & words(best)) / max(len(asked), 1)


def squad(examples: Examples) -> dict[str, object]:
    """The questions as SQuAD v2 JSON."""
    paragraphs: dict[tuple[str, str], list[object]] = {}
    for row, name in enumerate(examples.id):
        spans = zip(examples.answers_of(row), examples.spans_of(row), strict=True)
        answers = [{"text": text, "answer_start": start} for text, (start, _) in spans]
        qa = {"id": name, "question": examples.question[row], "answers": answers, "is_impossible": not answers}
        paragraphs.setdefault((examples.title[row], examples.context_of(row)), []).append(qa)
    data = [{"title": title, "paragraphs": [{"context": text, "qas": q}]} for (title, text), q in paragraphs.items()]
    return {"version": "v2.0", "data": data}


def write(name: str, value: object) -> None:
    """Write a JSON file beside this one."""
    (HERE / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")


def main() -> None:
    """Write the questions, and what the two systems make of them."""
    options = {"seed": 2, "questions": 240, "hard": 0.2, "unanswerable": 0.3}
    examples: Examples = PluginHost.discover().build("dataset", "facts", options).load()
    guesses = [answer(examples.question[row], examples.context_of(row)) for row in range(len(examples))]
    odds = {name: round(10 * lacking - 4, 2) for name, (_, lacking) in zip(examples.id, guesses, strict=True)}
    bold = {name: said for name, (said, _) in zip(examples.id, guesses, strict=True)}
    write("dev.json", squad(examples))
    write("bold.json", bold)
    write("careful.json", {name: said if odds[name] <= 0 else "" for name, said in bold.items()})
    write("odds.json", odds)


if __name__ == "__main__":
    main()
