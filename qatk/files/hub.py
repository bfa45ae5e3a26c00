"""What the Hugging Face hub refuses, in a user's words: one home for models, data sets and metrics.

The hub's client is imported where it has raised something: it takes longer to load than most commands take.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from qatk.errors import HubUnreachable, QatkError, first_line


@contextmanager
def hub_errors(kind: str, name: str, revision: str | None, refusal: type[QatkError], local: str) -> Iterator[None]:
    """Turn what the hub's client raises into one message.

    Args:
        kind: what is asked for, such as ``model``.
        name: its id on the hub.
        revision: its branch, tag or commit, where one is named.
        refusal: what to raise where the hub answers no.
        local: what works without the hub, such as ``a folder``.

    Raises:
        QatkError: a ``refusal``; :class:`HubUnreachable` where the hub does not answer, or may not be asked.
    """
    named = f"{name} at revision {revision}" if revision else name
    try:
        yield
    except QatkError:
        raise
    except Exception as error:
        found = _refused(kind, name, named, refusal, error)
        if found is None and any(map(is_of_network, causes(error))):
            found = unreachable(named, error, local)
        if found is None:
            raise
        raise found from error


def _refused(kind: str, name: str, named: str, refusal: type[QatkError], error: Exception) -> QatkError | None:
    """What the hub says no to; ``None`` where it is something else."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, HFValidationError):
        return refusal(f"{name!r} is neither a folder nor a hub id", fix="a hub id is owner/name")
    if isinstance(error, GatedRepoError):
        fix = "accept its terms on its page, then log in: hf auth login"
        return refusal(f"access to the {kind} {named} must be requested", fix=fix)
    if isinstance(error, RevisionNotFoundError):
        return refusal(f"the hub has no {named}", fix=f"look at the {kind}'s branches, tags and commits")
    if isinstance(error, RepositoryNotFoundError):
        fix = f"check the spelling; for a private {kind} log in: hf auth login"
        return refusal(f"there is no folder {name}, and the hub has no such {kind}", fix=fix)
    return None


def unreachable(named: str, error: BaseException, local: str) -> HubUnreachable:
    """The hub did not answer, or may not be asked; what to do about it."""
    from huggingface_hub.errors import OfflineModeIsEnabled

    cause = error.__cause__ or error
    if isinstance(cause, OfflineModeIsEnabled):
        what = f"{named} is neither a folder nor in the hub's local cache, and offline mode prevents a download"
        return HubUnreachable(what, fix=f"unset HF_HUB_OFFLINE, or name {local}")
    what = f"the hub cannot be reached, so {named} cannot be fetched ({type(cause).__name__}: {first_line(cause)})"
    return HubUnreachable(what, fix=f"check the connection and HF_ENDPOINT, or name {local}")


def is_of_network(error: BaseException) -> bool:
    """Whether an exception is of a connection, or an answer that is none, or says that the hub may not be asked."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    # The client library has changed from release to release, and its exceptions share no base but Exception.
    client = type(error).__module__.partition(".")[0] in ("httpx", "httpx2", "requests")
    return client or isinstance(error, ConnectionError | HfHubHTTPError | OfflineModeIsEnabled | TimeoutError)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, what caused it, what caused that ..."""
    while error is not None:
        yield error
        error = error.__cause__
