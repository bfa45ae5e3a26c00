"""``qatk ask``: a question about documents, or a conversation about one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated

import typer

from qatk.cli.shared import (
    MOST,
    Device,
    ModelName,
    NoOverlap,
    NullThreshold,
    Passages,
    RuntimeName,
    answering_settings,
    output,
    plain_warnings,
    plugin_host,
    print_json,
)
from qatk.errors import QatkError, Terminated, UsageError, counted, suggest

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from qatk.inference.documents import Document
    from qatk.inference.model import AnsweringModel
    from qatk.inference.reply import Reply

AROUND = 400
"""Characters of the context that are shown around an answer."""
COMMANDS = {
    ":k": ":k N shows N alternatives",
    ":model": ":model MODEL asks another model",
    ":context": ":context FILE asks about another document",
    ":help": ":help shows this",
    ":quit": ":quit ends, as does Ctrl-D",
}


def ask_command(
    context: typer.Context,
    model: ModelName,
    documents: Annotated[
        list[str],
        typer.Option(
            "-c",
            "--context",
            metavar="DOCUMENT",
            help="Document: a file, a folder or a glob of files, standard input (-), or a text. May be repeated.",
        ),
    ],
    questions: Annotated[
        list[str] | None,
        typer.Option(
            "-q", "--question", metavar="QUESTION", help="Question. May be repeated. Default: a conversation."
        ),
    ] = None,
    top_k: Annotated[
        int,
        typer.Option(
            "-k", "--top-k", min=1, max=MOST, metavar="N", help="Alternatives to show; of --json, best spans."
        ),
    ] = 3,
    passages: Passages = None,
    no_overlap: NoOverlap = False,
    null_threshold: NullThreshold = None,
    device: Device = None,
    runtime: RuntimeName = None,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object for each question.")] = False,
) -> None:
    """Ask a model about documents; each answer is shown where it stands, that of the likeliest document first.

    For example: qatk ask runs/quickstart -q "When was the mill built?" -c "The mill was built in 1843."
    """
    from qatk.inference.documents import read_documents
    from qatk.inference.model import load_model

    plain_warnings()
    if "-" in documents and not questions:
        raise UsageError("a conversation reads questions from standard input", where="-c -", fix="name a file, or -q")
    read = read_documents(documents)
    if len(read) > 1 and not questions:
        raise UsageError(f"a conversation is about one document, not {len(read):,}", where="-c", fix="name one, or -q")
    host = plugin_host(context)
    settings = answering_settings(passages, null_threshold, no_overlap=no_overlap)
    load = partial(load_model, device=device, settings=settings, runtime=runtime, host=host)
    loaded = load(model)
    console = output()
    if not questions:
        conversation = Conversation(loaded, read[0].text, top_k, load, console, json=json)
        conversation.run()
        raise typer.Exit(int(conversation.failed))
    _answer(loaded, questions, read, top_k, console, json=json)


def _answer(
    model: AnsweringModel,
    questions: Sequence[str],
    documents: Sequence[Document],
    top_k: int,
    console: Console,
    *,
    json: bool,
) -> None:
    """Ask each question about each document, and print what was found."""
    asked = [(question, document.text) for document in documents for question in questions]
    replies = model.answers(*zip(*asked, strict=True), top_k=top_k if json else top_k + 1)
    for number in range(len(questions)):
        found = best_first([document.name for document in documents], replies[number :: len(questions)])
        if json:
            for name, reply in found:
                print_json({"document": name, **reply.as_dict()})
            continue
        if number:
            console.print()
        console.print(_title(found[0][1]))
        show_all(console, found, top_k)


def best_first(names: Sequence[str], replies: Sequence[Reply]) -> list[tuple[str, Reply]]:
    """The replies to a question about documents with these names: the lower its null odds, the earlier a reply.

    An error rate was promised of questions about the document that they belong to: of several, no reply says it.
    """
    if len(names) > 1:
        replies = [replace(reply, promise=None) for reply in replies]
    return sorted(zip(names, replies, strict=True), key=lambda found: found[1].null_odds)


def _title(reply: Reply) -> Text:
    from rich.text import Text

    from qatk.display.text import printable

    return Text(printable(reply.question.strip()), style="bold")


def show_all(console: Console, found: Sequence[tuple[str, Reply]], top_k: int) -> None:
    """The first reply with its alternatives, further answers, and which documents have none."""
    from rich.text import Text

    from qatk.display.text import printable

    (best, first), *others = [(printable(name), reply) for name, reply in found]
    if others:
        console.print(Text(best, style="bold cyan"))
    show(console, first, top_k)
    for name, reply in others:
        if reply.is_answered:
            console.print(Text(f"\n{name}", style="bold cyan"))
            show(console, reply, 0)
    if none := [name for name, reply in others if not reply.is_answered]:
        console.print(Text(f"\nno answer in {counted(len(none), 'other document')}: {', '.join(none)}", style="dim"))


def show(console: Console, reply: Reply, top_k: int) -> None:
    """The answer marked in its place, how sure it is, and up to ``top_k`` alternatives."""
    from rich.padding import Padding
    from rich.text import Text

    from qatk.display.tables import plain_table
    from qatk.display.text import Mark, excerpt, printable

    sure = _sure(reply.probability)
    if reply.is_answered:
        said = ", ".join(printable(span.text) for span in reply.spans)
        console.print(Text.assemble((said, "bold green"), (f"  {sure}", "dim")))
        marks = [Mark(span.start, span.end) for span in reply.spans]
        width = max(AROUND, marks[-1].end - marks[0].start + AROUND // 4)
        console.print(Padding(excerpt(reply.context, marks, width=width), (1, 0, 1, 2)))
    else:
        if reply.is_withheld:
            sure = f"none is sure enough, {_sure(reply.candidates[0].probability)} at best"
        console.print(Text.assemble(("no answer", "bold yellow"), (f"  {sure}", "dim")))
    if reply.promise is not None:
        console.print(Text(reply.promise, style="dim"))
    given = {(span.start, span.end) for span in reply.spans}
    others = [span for span in reply.candidates if (span.start, span.end) not in given][:top_k]
    if others:
        table = plain_table("alternative", "probability", "characters")
        for span in others:
            table.add_row(Text(printable(span.text)), _sure(span.probability), f"{span.start}-{span.end}")
        console.print(table)


def _sure(probability: float) -> str:
    """In per cent; neither 0 nor 100 of what is not certain."""
    if 0 < probability < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 <= probability < 1 else f"{100 * probability:.0f} %"


class Conversation:
    """Questions one after another, about one document, with a history where the terminal has one.

    Ctrl-C stops an answer or a loading, and at the prompt the conversation.

    Attributes:
        failed: whether a line that nobody typed was not obeyed.
    """

    def __init__(
        self,
        model: AnsweringModel,
        text: str,
        top_k: int,
        load: Callable[[str], AnsweringModel],
        console: Console,
        *,
        json: bool = False,
    ) -> None:
        self.model, self.text, self.top_k, self.load = model, text, top_k, load
        self.console, self.json, self.typed, self.failed = console, json, sys.stdin.isatty(), False

    def run(self) -> None:
        """Until ``:quit`` or the end of input; a mistake is said and costs nothing."""
        if self.typed:
            import readline  # noqa: F401  # gives input() a history and line editing
        if isinstance(sys.stdin, TextIOWrapper):
            sys.stdin.reconfigure(errors="surrogateescape")  # a question that is not UTF-8 costs no other
        self._say(f"{self._now()}; :help for commands")
        while (line := self._read()) is not None:
            try:
                if line.startswith(":"):
                    self._command(*line.split(maxsplit=1))
                elif line:
                    self._answer(line)
            except QatkError as error:
                self._say(f"error: {error}", style="red")
                self.failed |= not self.typed
                if not self.typed and line.startswith((":context", ":model")):
                    return  # what follows would be about something else
            except EOFError:
                return
            except KeyboardInterrupt as signal:
                if not self.typed or isinstance(signal, Terminated):
                    raise
                self._say("\nstopped; :quit ends")

    def _read(self) -> str | None:
        try:
            return input("> " if self.typed else "").strip()
        except (EOFError, KeyboardInterrupt) as end:
            if isinstance(end, KeyboardInterrupt) and (not self.typed or isinstance(end, Terminated)):
                raise
            if self.typed:
                self._say("")  # what comes next begins on a line of its own
            return None

    def _now(self) -> str:
        return f"{self.model.name}; {counted(len(self.text), 'character')}"

    def _say(self, text: str, style: str = "dim") -> None:
        """Beside the answers: on standard error where these are JSON."""
        if self.json:
            sys.stderr.write(f"{text}\n")
        else:
            self.console.print(text, style=style, markup=False)

    def _answer(self, question: str) -> None:
        if self.json:
            print_json(self.model.answer(question, self.text, top_k=self.top_k).as_dict())
            return
        reply = self.model.answer(question, self.text, top_k=self.top_k + 1)
        if not self.typed:  # nobody sees what was asked
            self.console.print()
            self.console.print(_title(reply))
        show(self.console, reply, self.top_k)

    def _command(self, name: str, argument: str = "") -> None:
        from qatk.inference.documents import read_document

        if name == ":quit":
            raise EOFError
        if name in (":model", ":context") and not argument:
            raise UsageError(f"{name} names nothing", fix=COMMANDS[name])
        if name == ":help":
            self._say("\n".join(COMMANDS.values()), style="")
        elif name == ":k":
            if not argument.isdecimal() or not 1 <= int(argument) <= MOST:
                raise UsageError(f"{argument or 'nothing'} is no number from 1 to {MOST}", fix=COMMANDS[name])
            self.top_k = int(argument)
            self._say(counted(self.top_k, "alternative"))
        elif name == ":model":
            self.model = self.load(argument)
            self._say(self._now())
        elif name == ":context":
            self.text = read_document(argument)
            self._say(self._now())
        else:
            raise UsageError(f"unknown command {name}", fix=suggest(name, COMMANDS))
