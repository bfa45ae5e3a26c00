"""The ids of questions that come without one, of their content: the same in each process that reads them."""

from __future__ import annotations

from hashlib import sha1


def made_id(context: str, question: str) -> str:
    """The id of a question that has none; where it is asked again, ``-2`` and so on follow."""
    return sha1(f"{context}\0{question}".encode()).hexdigest()


def is_made(name: str, context: str, question: str) -> bool:
    """Whether an id was made so, and hence stands nowhere in what the user has."""
    return name.partition("-")[0] == made_id(context, question)
