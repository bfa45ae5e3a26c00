"""``qatk serve``: models that answer over HTTP, with a page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from qatk.cli import completion
from qatk.cli.shared import (
    Device,
    NullThreshold,
    Passages,
    RuntimeName,
    answering_settings,
    plain_warnings,
    plugin_host,
)

TOKEN = "QATK_TOKEN"

Models = Annotated[
    list[str],
    typer.Argument(
        metavar="MODEL",
        help="Run folder, saved or exported model, or checkpoint of the hub; or NAME=MODEL. May be repeated.",
        autocompletion=completion.runs,
    ),
]

Host = Annotated[str, typer.Option(metavar="ADDRESS", help="Address; another than loopback needs a token.")]
Port = Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Port; 0 takes a free one.")]
TokenFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help=f"File with the token of clients. Or set {TOKEN}.")
]
Workers = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Batches at once.", show_default="one a core on a CPU, else 1")
]
KeepAlive = Annotated[int, typer.Option(min=1, metavar="SECONDS", help="Time that an idle connection stays open.")]
AccessLog = Annotated[bool, typer.Option("--access-log", help="Log each request on standard error, without its texts.")]

Proxies = Annotated[
    list[str] | None,
    typer.Option(
        "--proxy", metavar="ADDRESS", help="Address or network of a proxy whose X-Forwarded-... count. May be repeated."
    ),
]


def serve_command(
    context: typer.Context,
    models: Models,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    token_file: TokenFile = None,
    device: Device = None,
    passages: Passages = None,
    null_threshold: NullThreshold = None,
    runtime: RuntimeName = None,
    workers: Workers = None,
    max_body: Annotated[int, typer.Option(min=1, metavar="BYTES", help="Largest request.")] = 8 << 20,
    max_context: Annotated[int, typer.Option(min=1, metavar="N", help="Characters of a context.")] = 1_000_000,
    max_question: Annotated[int, typer.Option(min=1, metavar="N", help="Characters of a question.")] = 10_000,
    max_questions: Annotated[int, typer.Option(min=1, metavar="N", help="Questions of a request.")] = 256,
    max_queue: Annotated[int, typer.Option(min=1, metavar="N", help="Questions that may wait.")] = 1024,
    timeout: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="Time to answer a request.")] = 60.0,
    keep_alive: KeepAlive = 75,
    access_log: AccessLog = False,
    proxies: Proxies = None,
) -> None:
    """Answer questions over HTTP: a page, a JSON interface, and the hub's inference protocol.

    For example: qatk serve runs/quickstart, then open the address that it prints. SIGTERM, SIGHUP and Ctrl-C end it
    when all that it took is answered, with exit code 0; a second SIGTERM or Ctrl-C ends it at once.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if device in (None, "cpu"):  # a batch a core: fast, and one question's scores are always equal
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    from qatk.server.limits import Limits, check_extra, check_proxies, read_token

    check_extra()
    check_proxies(proxies or ())
    limits = Limits(max_body, max_context, max_question, max_questions, max_queue, timeout, keep_alive=keep_alive)
    token = read_token(token_file, os.environ.pop(TOKEN, None))
    import logging

    from qatk.inference.model import load_model
    from qatk.server.names import named_models
    from qatk.server.serve import bind, serve, url_of

    plain_warnings()
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    with bind(host, port, has_token=token is not None) as listener:
        plugins, settings = plugin_host(context), answering_settings(passages, null_threshold)
        loaded = {
            name: load_model(model, device=device, settings=settings, runtime=runtime, host=plugins)
            for name, model in named_models(models).items()
        }
        said = f"Answering on {url_of(listener)} with {', '.join(loaded)}"
        serve(
            loaded,
            listener,
            limits=limits,
            token=token,
            workers=workers,
            access_log=access_log,
            proxies=proxies or (),
            ready=lambda: _say(said),
        )


def _say(text: str) -> None:
    """To standard output, which serving turns round for what components print."""
    os.write(1, f"{text}\n".encode())
