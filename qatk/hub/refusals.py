"""What the hub says to one who writes to it, in a user's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from qatk.errors import HubUnreachable, QatkError, UsageError, first_line
from qatk.files import causes, is_of_network
from qatk.spelling import spelled

_LOG_IN = "log in with hf auth login, or set HF_TOKEN"
_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
_LONGEST = 96
"""Characters of the longest id that the hub takes."""


def check_repo(repo: str) -> None:
    """Raise :class:`UsageError` for what is not ``OWNER/NAME``."""
    name = repo.rpartition("/")[2]
    fits = _REPO.fullmatch(repo) and len(repo) <= _LONGEST and not re.search(r"--|\.\.", repo)
    if not fits or name.endswith((".", "-", ".git")):
        fix = "a repository is OWNER/NAME: letters, digits, '.', '-' and '_'"
        raise UsageError(f"{repo!r} cannot be a repository of the hub", fix=fix)


def token_or_refuse() -> str:
    """The token that the hub's own tools use. Raises :class:`UsageError` where there is none."""
    from huggingface_hub import get_token

    if not (token := get_token()):
        raise UsageError("there is no token for the hub", fix=f"{_LOG_IN}; the token needs the right to write")
    return token


@contextmanager
def writing_errors(repo: str) -> Iterator[None]:
    """Turn what the hub's client raises into one message, which has nothing of the request in it.

    Raises:
        QatkError: a :class:`UsageError` where the hub says no, :class:`HubUnreachable` where it does not answer.
    """
    try:
        yield
    except QatkError:
        raise
    except Exception as error:
        raise _explained(repo, error) from None


def _explained(repo: str, error: Exception) -> QatkError:
    """One message for what went wrong; of the hub's answers, by their status."""
    from huggingface_hub.errors import OfflineModeIsEnabled

    chain = list(causes(error))
    if any(isinstance(each, OfflineModeIsEnabled) for each in chain):
        return HubUnreachable("offline mode forbids to ask the hub", where=repo, fix="unset HF_HUB_OFFLINE")
    if type(error) is ValueError:  # what the hub says of a card, as its client passes it on
        said = "; ".join(re.findall(r'"message": ?"((?:[^"\\]|\\.)*)"', str(error))) or str(error)
        return UsageError(
            f"the hub refused the card: {said}",
            where=repo,
            fix=f"check {spelled('license')}, {spelled('language')} and the ids",
        )
    statuses = [code for each in chain if (code := getattr(getattr(each, "response", None), "status_code", 0))]
    if statuses:
        return _answered(repo, statuses[0], error)
    if any(map(is_of_network, chain)):
        what = f"the hub cannot be reached ({type(chain[-1]).__name__}: {first_line(chain[-1])})"
        return HubUnreachable(what, where=repo, fix="check the connection and HF_ENDPOINT")
    what = f"the hub's answer cannot be used ({type(chain[-1]).__name__}: {first_line(chain[-1])})"
    return HubUnreachable(what, where=repo, fix="check HF_ENDPOINT; another version of huggingface-hub may help")


def _answered(repo: str, status: int, error: Exception) -> QatkError:
    if status == 401:
        return UsageError("the hub does not accept the token", where=repo, fix=_LOG_IN)
    if status == 403:
        fix = "use a token with the right to write, of a user or an organisation that owns it"
        return UsageError("the token may not write to this repository", where=repo, fix=fix)
    if status == 404:
        return UsageError(
            "the hub has no such repository", where=repo, fix=f"check the spelling; leave out {spelled('update', True)}"
        )
    if status == 409:
        fix = f"add a version to it with {spelled('update', True)}, or name another"
        return UsageError("the repository exists already", where=repo, fix=fix)
    if status == 429 or status >= 500:
        return HubUnreachable(f"the hub answered with status {status}", where=repo, fix="try again later")
    said = getattr(error, "server_message", None) or f"status {status}"
    return UsageError(f"the hub refused: {said}", where=repo)
