"""What a run folder does not say: the values of options that are called as a secret is, such as ``token``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from qatk.errors import without_secrets

NAMES = frozenset(
    (
        "token",
        "hf_token",
        "hub_token",
        "api_token",
        "auth_token",
        "access_token",
        "use_auth_token",
        "password",
        "passwd",
    )
) | frozenset(
    ("secret", "secret_key", "client_secret", "api_key", "apikey", "access_key", "private_key", "credentials")
)
"""Names of options, in lower case, whose values are written down nowhere."""


def hidden(value: Any) -> Any:
    """Plain values with ``***`` for secrets: those that are called so, and those in texts."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, dict):
        return {name: "***" if _is_secret(name) and item else hidden(item) for name, item in value.items()}
    return [hidden(item) for item in value] if isinstance(value, list) else value


def hidden_in_yaml(text: str, value: object) -> str:
    """A YAML text without the secrets of ``value``, the plain values that it was read as."""
    for name, secret in _secrets_of(value):
        before = rf"(\b{re.escape(name)}\b['\"]?\s*:[\s>|+'\"-]*){re.escape(secret)}"
        text = re.sub(before, _starred, text)
    return without_secrets(text)


def _starred(found: re.Match[str]) -> str:
    """What stands before a secret, and stars in its place; in quotes where YAML would read a plain star as an alias."""
    before = found[1]
    return f"{before}***" if before[-1] in "'\"" or "|" in before or ">" in before else f"{before}'***'"


def _is_secret(name: object) -> bool:
    return str(name).lower() in NAMES


def _secrets_of(value: object) -> Iterator[tuple[str, str]]:
    """The names and values of all secrets."""
    if isinstance(value, dict):
        for name, item in value.items():
            if _is_secret(name) and isinstance(item, str | int | float) and not isinstance(item, bool):
                yield str(name), str(item)
            yield from _secrets_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from _secrets_of(item)
