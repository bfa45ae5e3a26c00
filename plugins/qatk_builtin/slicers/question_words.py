"""Question words of languages, and which question each asks."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from qatk.display import UNSPACED

GROUPS = ("what", "who", "when", "where", "which", "why", "how many/much", "how", "other")
"""The groups of questions, in the order in which reports show them."""
OTHER = GROUPS[-1]

_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "what": "what",
        "who": "who whom whose",
        "when": "when",
        "where": "where",
        "which": "which",
        "why": "why",
        "how many/much": "how_many how_much",
        "how": "how",
    },
    "ar": {
        "what": "ما ماذا",
        "who": "من لمن",
        "when": "متى",
        "where": "أين اين من_أين",
        "which": "أي أية",
        "why": "لماذا لم",
        "how many/much": "كم بكم",
        "how": "كيف",
    },
    "de": {
        "what": "was worin woraus wodurch womit wofür wovon worüber wonach woran",
        "who": "wer wen wem wessen",
        "when": "wann",
        "where": "wo woher wohin",
        "which": "welche welcher welches welchen welchem",
        "why": "warum weshalb wieso wozu",
        "how many/much": "wie_viele wie_viel wieviel wieviele",
        "how": "wie",
    },
    "es": {
        "what": "qué",
        "who": "quién quiénes",
        "when": "cuándo",
        "where": "dónde adónde",
        "which": "cuál cuáles",
        "why": "por_qué",
        "how many/much": "cuánto cuánta cuántos cuántas",
        "how": "cómo",
    },
    "fr": {
        "what": "que quoi qu'est-ce",
        "who": "qui",
        "when": "quand",
        "where": "où",
        "which": "quel quelle quels quelles lequel laquelle lesquels lesquelles",
        "why": "pourquoi",
        "how many/much": "combien",
        "how": "comment",
    },
    "hi": {
        "what": "क्या",
        "who": "कौन किसने किसे किसका किसकी किसके",
        "when": "कब",
        "where": "कहाँ कहां",
        "which": "कौन_सा कौन_सी कौन_से कौनसा कौनसी किस",
        "why": "क्यों",
        "how many/much": "कितना कितनी कितने",
        "how": "कैसे कैसा कैसी",
    },
    "it": {
        "what": "che cosa che_cosa cos'è",
        "who": "chi",
        "when": "quando",
        "where": "dove dov'è",
        "which": "quale quali qual",
        "why": "perché",
        "how many/much": "quanto quanta quanti quante",
        "how": "come",
    },
    "ja": {
        "what": "何 なに なん",
        "who": "誰 だれ",
        "when": "いつ 何時 何年",
        "where": "どこ 何処",
        "which": "どの どれ どちら",
        "why": "なぜ 何故 どうして",
        "how many/much": "いくつ いくら どのくらい どれくらい 何人 何個",
        "how": "どう どのように どうやって",
    },
    "ko": {
        "what": "무엇 무슨 뭐",
        "who": "누구 누가",
        "when": "언제",
        "where": "어디",
        "which": "어느 어떤",
        "why": "왜",
        "how many/much": "몇 얼마",
        "how": "어떻게",
    },
    "nl": {
        "what": "wat",
        "who": "wie wiens",
        "when": "wanneer",
        "where": "waar waarheen",
        "which": "welke welk",
        "why": "waarom",
        "how many/much": "hoeveel",
        "how": "hoe",
    },
    "pt": {
        "what": "que quê",
        "who": "quem",
        "when": "quando",
        "where": "onde aonde",
        "which": "qual quais",
        "why": "por_que por_quê porque",
        "how many/much": "quanto quanta quantos quantas",
        "how": "como",
    },
    "th": {
        "what": "อะไร",
        "who": "ใคร",
        "when": "เมื่อไร เมื่อไหร่ เมื่อใด",
        "where": "ที่ไหน ที่ใด",
        "which": "ไหน ใด",
        "why": "ทำไม เหตุใด",
        "how many/much": "กี่ เท่าไร เท่าไหร่ เท่าใด",
        "how": "อย่างไร ยังไง",
    },
    "vi": {
        "what": "gì cái_gì",
        "who": "ai",
        "when": "khi_nào bao_giờ lúc_nào",
        "where": "ở_đâu đâu",
        "which": "nào",
        "why": "tại_sao vì_sao",
        "how many/much": "bao_nhiêu mấy",
        "how": "như_thế_nào thế_nào làm_sao",
    },
    "zh": {
        "what": "什么 什麼 何",
        "who": "谁 誰",
        "when": "何时 何時 什么时候 什麼時候 几时",
        "where": "哪里 哪裡 哪儿 何处 何地",
        "which": "哪 哪个 哪個 哪些",
        "why": "为什么 為什麼 为何 為何",
        "how many/much": "多少 几 幾",
        "how": "如何 怎么 怎麼 怎样 怎樣",
    },
}
"""The question words of each language by group; ``_`` stands for blanks."""
_VOWELS = re.compile("[\u064b-\u0652\u0670]")


def known_languages() -> list[str]:
    """The languages whose question words are known."""
    return sorted(_WORDS)


def group_of(question: str, language: str) -> str:
    """The group of the first question word, of longer ones before shorter; ``other`` of an unknown language too."""
    if language not in _WORDS:
        return OTHER
    pattern, groups = _table(language)
    found = pattern.search(_plain(question))
    return groups[" ".join(found[0].split())] if found else OTHER


@cache
def _table(language: str) -> tuple[re.Pattern[str], dict[str, str]]:
    """What finds a question word in a plain question, and the group of each."""
    groups = {word.replace("_", " "): name for name, words in _WORDS[language].items() for word in words.split()}
    longest = sorted(groups, key=len, reverse=True)
    apart = not UNSPACED.match(longest[0]) and language != "ko"  # where nothing parts words, they stand anywhere
    words = "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in longest)
    # Unlike \b, this keeps words of Hindi apart: its vowel signs are no letters to re.
    edge = r"[\w\u0900-\u0903\u093a-\u094f]"
    return re.compile(rf"(?<!{edge})(?:{words})(?!{edge})" if apart else words), groups


def _plain(text: str) -> str:
    """A text in lower case, accents and apostrophes written in one way, the short vowels of Arabic left out."""
    return _VOWELS.sub("", unicodedata.normalize("NFC", text.lower()).replace("\u2019", "'"))
