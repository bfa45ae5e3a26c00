"""The routes: what they take, what they ask the queue, what they give."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Body, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from qatk.errors import QatkError, UsageError, counted, suggest
from qatk.files import finite
from qatk.inference.model import AnsweringModel
from qatk.plugins.attribution import explain
from qatk.server import gauges
from qatk.server.api_page import api_page
from qatk.server.batching import Batcher, Failed, QueueFull, TookTooLong
from qatk.server.forms import (
    AboutOne,
    Answer,
    Answers,
    Asked,
    Health,
    HubAnswers,
    HubRequest,
    Many,
    Models,
    One,
    Problem,
    said_of,
)
from qatk.server.guard import MODEL, Guard, Refusal
from qatk.server.page import PAGE_POLICY, page_text
from qatk.server.served import Pair, Work, described

REFUSED = {
    400: "The body is not JSON in UTF-8.",
    401: "The token is missing or wrong, where the server has one.",
    403: "The request comes from a page of another site.",
    404: "There is no such model.",
    408: "The body did not come in time.",
    413: "The body is too large.",
    415: "The body is not called application/json.",
    421: "The server is asked by a name that is not of this machine.",
    422: "Something in the request cannot be answered.",
    429: "The queue is full; Retry-After says when to come again.",
    500: "The model failed; the server's log says how.",
    503: "The answer took too long; Retry-After says when to come again, unless it always would.",
}


class _Described(FastAPI):
    """An application whose schema is made by a function, and that brings no pages of others."""

    def __init__(self, describe: Callable[[FastAPI], dict[str, object]]) -> None:
        super().__init__(title="qatk", version=version("qatk"), docs_url=None, redoc_url=None, redirect_slashes=False)
        self._describe = describe

    def openapi(self) -> dict[str, object]:
        """The schema."""
        return self._describe(self)


class Routes:
    """The interface of one server.

    Args:
        models: by name, the default first.
        batcher: that answers.
    """

    def __init__(self, models: Mapping[str, AnsweringModel], batcher: Batcher) -> None:
        self.models, self.batcher, self.limits = models, batcher, batcher.limits
        self.listed = _json(
            {"models": [described(*each) for each in models.items()], "limits": asdict(batcher.limits)}
        ).body
        self.guard: Guard | None = None

    def app(self, token: str | None, *, logging: bool = False) -> Guard:
        """All routes, guarded; ``logging`` is that of the guard."""
        app = _Described(lambda app: self.schema(app, token))
        refused: dict[int | str, dict[str, Any]] = {
            status: {"model": Problem, "description": what} for status, what in REFUSED.items()
        }
        add = partial(app.add_api_route, response_description="As asked.")
        closed: dict[int | str, dict[str, Any]] = {status: refused[status] for status in (401, 421)}
        ending: dict[int | str, dict[str, Any]] = {503: {"model": Health, "description": "The server ends, or failed."}}
        add("/answer", self.answer, methods=["POST"], response_model=Answer | Answers, responses=refused)
        add("/models", self.list_models, methods=["GET"], response_model=Models, responses=closed)
        add("/health", self.health, methods=["GET"], response_model=Health, responses=ending)
        add("/metrics", self.metrics, methods=["GET"], response_class=Response)
        add("/", self.answer_for_hub, methods=["POST"], response_model=HubAnswers, responses=refused)
        add("/models/{name:path}", self.answer_of_model, methods=["POST"], response_model=HubAnswers, responses=refused)
        add("/", self.page, methods=["GET"], include_in_schema=False)
        add("/docs", self.docs, methods=["GET"], include_in_schema=False)
        app.add_exception_handler(RequestValidationError, _invalid)
        app.add_exception_handler(Refusal, _refused)
        app.add_exception_handler(HTTPException, _of_http)
        self.guard = Guard(app, self.limits, self.batcher.gauges, token, logging=logging)
        return self.guard

    async def answer(self, request: Request, asked: Annotated[Asked, Body()]) -> Response:
        """Answer one question or many.

        Offsets count characters (code points). Where one question of many cannot be answered, none is.
        """
        pairs = _pairs(asked)
        self._check(pairs, asked.top_k)
        found = await self._answers(Work(self._named(asked.model, request), "reply", (("top_k", asked.top_k),)), pairs)
        return _json(found[0] if isinstance(asked, One) else {"answers": found})

    async def answer_for_hub(self, request: Request, asked: HubRequest) -> Response:
        """The hub's inference protocol: what ``InferenceClient(base_url=...).question_answering(...)`` calls."""
        return await self.answer_of_model(request, next(iter(self.models)), asked)

    async def answer_of_model(self, request: Request, name: str, asked: HubRequest) -> Response:
        """The same, of a model by its name."""
        given = {} if asked.parameters is None else asked.parameters.model_dump(exclude_none=True)
        pairs = [Pair(asked.inputs.question, asked.inputs.context)]
        self._check(pairs, given.get("top_k", 1), at="inputs")
        (found,) = await self._answers(
            Work(self._named(name, request), "pipeline", tuple(sorted(given.items()))), pairs
        )
        return _json(found)

    async def list_models(self) -> Response:
        """The models, the default first, and the limits of this server."""
        return Response(self.listed, media_type="application/json")

    async def health(self) -> Response:
        """Whether the server takes requests."""
        draining = self.guard is not None and self.guard.draining
        status = "draining" if draining else "ok" if self.batcher.working else "failed"
        return _json({"status": status, "waiting": self.batcher.waiting}, 200 if status == "ok" else 503)

    async def metrics(self) -> Response:
        """Figures for Prometheus."""
        return Response(self.batcher.gauges.text(), media_type=gauges.TYPE)

    async def page(self) -> Response:
        """The page for people."""
        return HTMLResponse(page_text(), headers={"content-security-policy": PAGE_POLICY, "cache-control": "no-cache"})

    async def docs(self, request: Request) -> Response:
        """This interface, for people."""
        text, policy = api_page(request.app.openapi(), str(request.base_url).rstrip("/"))
        return HTMLResponse(text, headers={"content-security-policy": policy})

    def schema(self, app: FastAPI, token: str | None) -> dict[str, Any]:
        """The OpenAPI schema, with the limits of this server."""
        if app.openapi_schema is None:
            found = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
            forms = found["components"]["schemas"]
            for form in ("Question", "One", "AboutOne", "Many", "HubInputs", "HubParameters"):
                _limit(forms[form]["properties"], asdict(self.limits))
            if token is not None:
                found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
                found["security"] = [{"token": []}]
            found["servers"] = [{"url": "."}]  # where the schema is, under whatever path of a proxy
            app.openapi_schema = found
        return app.openapi_schema

    def _named(self, name: str | None, request: Request) -> str:
        """The name of the model that a request asks, noted in its scope."""
        if name is None:
            name = next(iter(self.models))
        if name not in self.models:
            raise Refusal(404, f"there is no model {name[:200]!r}", where="model", fix=suggest(name[:200], self.models))
        request.scope[MODEL] = name
        return name

    def _check(self, pairs: Sequence[Pair], top_k: int, at: str = "") -> None:
        """Raise :class:`Refusal` where a request asks for more than the limits allow."""
        limits = self.limits
        if len(pairs) > limits.questions:
            raise _over("questions", counted(len(pairs), "question"), limits.questions)
        if top_k > limits.top_k:
            raise _over("top_k", f"{top_k:,} alternatives", limits.top_k)
        for index, pair in enumerate(pairs):
            of = at or (f"questions.{index}" if len(pairs) > 1 else "")
            for name, text, most in (
                ("question", pair.question, limits.question),
                ("context", pair.context, limits.context),
            ):
                if len(text) > most:
                    raise _over(f"{of}.{name}".lstrip("."), counted(len(text), "character"), most)

    async def _answers(self, work: Work, pairs: Sequence[Pair]) -> list[object]:
        try:
            return await self.batcher.answers(work, pairs)
        except TookTooLong as error:
            what = f"the answer took more than {self.limits.seconds:g} seconds"
            if error.seconds is None:
                raise Refusal(503, what, fix="ask about less text at once, or raise --timeout of the server") from None
            raise Refusal(503, what, fix="come again later", headers={"retry-after": str(error.seconds)}) from None
        except QueueFull as error:
            what = f"{counted(self.batcher.waiting, 'question', 'is')} waiting already"
            raise Refusal(429, what, fix="come again later", headers={"retry-after": str(error.seconds)}) from None
        except Failed as failed:
            own = f"questions.{failed.index}" if len(pairs) > 1 else "question"
            places = ("inputs", "parameters") if work.form == "pipeline" else (own, own)
            raise _failure(failed.error, *places) from failed.error


_ABOUT = """Answers questions about texts. What is wrong comes as a Problem.
POST / and POST /models/NAME speak the hub's inference protocol for question answering."""


def _pairs(asked: One | AboutOne | Many) -> list[Pair]:
    if isinstance(asked, One):
        return [Pair(asked.question, asked.context)]
    if isinstance(asked, AboutOne):
        return [Pair(question, asked.context) for question in asked.questions]
    return [Pair(each.question, each.context) for each in asked.questions]


def _over(where: str, what: str, most: int) -> Refusal:
    return Refusal(422, f"{what} are too many", where=where, fix=f"send {most:,} or fewer")


def _failure(error: Exception, question: str, options: str) -> Refusal:
    """What a client is told of a question that could not be answered: whether it is to blame, or the server.

    ``question`` and ``options`` say where both are in the request.
    """
    if isinstance(error, UsageError):
        return Refusal(422, error.what, where=options, fix=error.fix)
    if isinstance(error, ValueError) and not hasattr(error, "qatk_blame"):
        return Refusal(422, str(error), where=options)
    said = str(error) if isinstance(error, QatkError) else explain(error) or f"{type(error).__name__}: {error}"
    gauges.log(f"error: {said}")
    return Refusal(500, "the model failed", where=question, fix="the server's log says how")


def _limit(properties: dict[str, Any], limits: Mapping[str, int]) -> None:
    for name, most in (("question", "question"), ("context", "context")):
        if name in properties:
            properties[name]["maxLength"] = limits[most]
    if "questions" in properties:
        properties["questions"]["maxItems"] = limits["questions"]
        if properties["questions"]["items"].get("type") == "string":
            properties["questions"]["items"]["maxLength"] = limits["question"]
    if "top_k" in properties:
        of = properties["top_k"].get("anyOf", [properties["top_k"]])[0]
        of["maximum"] = limits["top_k"]


def _json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    text = json.dumps(finite(value), ensure_ascii=False)
    return Response(text, status, dict(headers or {}), media_type="application/json")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return _json(error.body, error.status, error.headers)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    if errors[0]["type"] == "json_invalid":
        return _json(Refusal(400, "the body is not JSON", where=f"byte {errors[0]['loc'][-1]}").body, 400)
    what, where, fix = said_of(errors)
    return _json(Refusal(422, what, where=where, fix=fix).body, 422)


async def _of_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = {400: "the body is not JSON in UTF-8", 404: "there is nothing here", 405: "this is not done here"}
    fix = "/docs lists what there is" if error.status_code in (404, 405) else None
    refusal = Refusal(error.status_code, said.get(error.status_code, str(error.detail)), fix=fix)
    return _json(refusal.body, error.status_code, error.headers)
