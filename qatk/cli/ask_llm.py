"""``qatk ask-llm``: answers of a language model to a file of questions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from qatk.cli.reading import read_examples
from qatk.cli.shared import Data, Set, Use, output, plain_warnings, plugin_host
from qatk.cli.written import another
from qatk.errors import Interrupted, UsageError, counted

Url = Annotated[
    str,
    typer.Option(
        "--url", metavar="URL", help="Address of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1."
    ),
]
Name = Annotated[str, typer.Option("--model", metavar="NAME", help="Name of the model, as the server knows it.")]
Out = Annotated[Path, typer.Option(metavar="FILE", help="Output: .jsonl, a row for each question.")]
Prompt = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Prompt, with {context} and {question}.", show_default="a short one"),
]
Request = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="Field of each request, such as max_tokens=64. May be repeated."),
]
KeyName = Annotated[str, typer.Option(metavar="NAME", help="Environment variable that holds the server's key.")]
Parallel = Annotated[int, typer.Option(min=1, max=256, metavar="N", help="Number of requests at a time.")]
Price = Annotated[float | None, typer.Option(min=0, metavar="X", help="Price of a million tokens of the prompt.")]
PriceOut = Annotated[float | None, typer.Option(min=0, metavar="X", help="Price of a million tokens of the answer.")]
Timeout = Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="Longest wait for one answer.")]


def ask_llm_command(
    context: typer.Context,
    url: Url,
    model: Name,
    data: Data = None,
    out: Out = Path("answers.jsonl"),
    prompt: Prompt = None,
    request: Request = None,
    key_env: KeyName = "OPENAI_API_KEY",
    parallel: Parallel = 4,
    price_in: Price = None,
    price_out: PriceOut = None,
    timeout: Timeout = 60.0,
    resume: Annotated[bool, typer.Option("--resume", help="Continue where a killed call stopped.")] = False,
    use: Use = None,
    settings: Set = None,
) -> None:
    """Ask a language model a file of questions, for qatk eval --align.

    For example: qatk ask-llm dev.json --url http://127.0.0.1:8000/v1 --model qwen --out answers.jsonl.
    """
    from qatk.cli.progress import show_progress
    from qatk.files import read_text
    from qatk.inference.language_model import PROMPT, LanguageModel, ask_language_model

    plain_warnings()
    another(None if prompt is None else str(prompt), out, "--prompt")
    asked = LanguageModel(
        url=url,
        name=model,
        key=os.environ.get(key_env, ""),
        prompt=PROMPT if prompt is None else read_text(prompt),
        request=_fields(request or []),
        price_in=price_in,
        price_out=price_out,
        timeout=timeout,
    )
    examples = read_examples(plugin_host(context), use, data, settings or [], scoring=True, out=out)
    try:
        with show_progress():
            found = ask_language_model(asked, examples, out, parallel=parallel, resume=resume)
    except KeyboardInterrupt:
        raise Interrupted("interrupted", fix="the same command with --resume goes on") from None
    console = output()
    refused = f", {found.refused:,} refused" if found.refused else ""
    answered = counted(found.questions - found.refused, "question")
    console.print(f"{answered} answered by {model}{refused}", soft_wrap=True)
    console.print(f"{out}: score it with qatk eval {data or 'DATA'} {out} --align", soft_wrap=True)


def _fields(settings: list[str]) -> dict[str, object]:
    """The fields of a request that ``KEY=VALUE`` texts give, each value as in a recipe."""
    from qatk.recipes.document import assigned

    fields = assigned(settings, "request")
    if taken := sorted({"model", "messages", "stream"} & set(fields)):
        raise UsageError(f"--request sets {taken[0]!r}, which qatk sets itself", fix="leave it out")
    return fields
