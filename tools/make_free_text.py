"""Write ``examples/compare/free_text.jsonl``: answers as a language model might give them, made from gold by rule.

No language model made them; they show what ``qatk eval --align`` does with texts that are cut, rephrased or invented.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ABSTENTIONS = ("I don't know.", "The context does not say.", "", "Unanswerable")
RULES: tuple[Callable[[str], str], ...] = (
    lambda gold: gold,
    lambda gold: f"The {gold.lower()}.",
    lambda gold: gold.replace("e", "", 1) if len(gold) > 12 else gold,
    lambda gold: f"According to the text, the answer to this question would have to be {gold}",
    lambda gold: " ".join(gold.split()[:-1]) or gold,
    lambda gold: f"{gold[::-1].title()} & Sons",
)
"""As it is, in other letters, misspelt, in a sentence, cut, invented."""


def free_text(data: Path) -> list[dict[str, object]]:
    """A row for each question of SQuAD data: ``id``, ``answer``, ``latency`` and ``cost``."""
    rows = []
    for article in json.loads(data.read_text("utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                draw = zlib.crc32(question["id"].encode())
                rows.append(
                    {
                        "id": question["id"],
                        "answer": _answer(question["answers"], paragraph["context"], draw),
                        "latency": round(0.4 + draw % 700 / 1000, 3),
                        "cost": round(2e-6 * (len(paragraph["context"]) // 4 + 40), 6),
                    }
                )
    return rows


def _answer(golds: list[dict[str, str]], context: str, draw: int) -> str:
    if golds and draw % 9:
        return RULES[draw % len(RULES)](golds[0]["text"])
    return ABSTENTIONS[draw % len(ABSTENTIONS)] if draw % 5 else " ".join(context.split()[2:4])


if __name__ == "__main__":
    lines = [json.dumps(row, ensure_ascii=False) for row in free_text(ROOT / "examples" / "compare" / "dev.json")]
    (ROOT / "examples" / "compare" / "free_text.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
