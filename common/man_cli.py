"""Manual pages, made of what ``--help`` says.

Owns their form (man(7)). Does not know any command: it asks the one group for all of them. Run by ``make man``.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import click

from .cli import EPILOG, EXITS, cli

SECTION = "1"


def pages() -> dict[str, str]:
    """The name of every page's file, and what stands in it."""
    found = list(_commands(cli, "zchat"))
    paths = [path for path, _ in found]
    return {f"{path.replace(' ', '-')}.{SECTION}": _page(path, command, paths) for path, command in found}


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _commands(below, f"{path} {name}")


def _page(path: str, command: click.Command, paths: list[str]) -> str:
    context = click.Context(command, info_name=path, **command.context_settings)
    title, *paragraphs = _paragraphs(command.help or "")
    lines = [
        f'.TH "{_escape(path.replace(" ", "-").upper())}" "{SECTION}" "" "zchat {version("zeromq-chat")}" "zchat"',
        ".SH NAME",
        f"{_escape(path.replace(' ', '-'))} \\- {_escape(title.rstrip('.'))}",
        ".SH SYNOPSIS",
        f"\\fB{_escape(path)}\\fR {_escape(' '.join(command.collect_usage_pieces(context)))}",
        ".SH DESCRIPTION",
        *_text([f"{title}", *paragraphs]),
    ]
    if isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            lines += [".TP", f"\\fB{_escape(f'{path} {name}')}\\fR", *_text(_paragraphs(below.help or "")[:1])]
    lines.append(".SH OPTIONS")
    variables: list[tuple[str, str]] = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None:
            continue
        lines += [".TP", f"\\fB{_escape(record[0])}\\fR", _escape(record[1]) or "\\&"]
        if isinstance(parameter.envvar, str):
            variables.append((parameter.envvar, f"Instead of {parameter.opts[-1]}."))
    lines += [".SH ENVIRONMENT"]
    for name, meaning in [*variables, *_EVERYWHERE]:
        lines += [".TP", f"\\fB{_escape(name)}\\fR", _escape(meaning)]
    examples = (command.epilog or "").removesuffix(EPILOG).removeprefix("\b\nExample:\n").rstrip()
    if examples:
        lines += [".SH EXAMPLES", ".nf", *(_escape(line.strip()) for line in examples.splitlines()), ".fi"]
    lines.append(".SH EXIT STATUS")
    for code, meaning in EXITS.items():
        lines += [".TP", f"\\fB{code}\\fR", _escape(meaning)]
    others = [other for other in paths if other != path and (other.startswith(f"{path} ") or other == "zchat")]
    if others:
        names = ", ".join(f"\\fB{_escape(other.replace(' ', '-'))}\\fR({SECTION})" for other in others)
        lines += [".SH SEE ALSO", names]
    return "\n".join(lines) + "\n"


_EVERYWHERE = (
    ("ZCHAT_HOME", "A folder under which all files are, instead of the usual places."),
    ("ZCHAT_CONFIG", "The configuration file, instead of config.toml in the usual place (zchat config --path)."),
    ("NO_COLOR", "When it is set and not empty: no colours."),
)


def _paragraphs(text: str) -> list[str]:
    return [part for part in inspect.cleandoc(text).split("\n\n") if part.strip()]


def _text(paragraphs: list[str]) -> Iterator[str]:
    for number, paragraph in enumerate(paragraphs):
        if number:
            yield ".PP"
        if paragraph.startswith("\b"):  # click's sign for lines that stay as they are
            yield from [".nf", *(_escape(line) for line in paragraph.splitlines()[1:]), ".fi"]
        else:
            yield _escape(" ".join(paragraph.split()))


def _escape(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    text = re.sub(r"[^\0-\x7f]", lambda found: f"\\[u{ord(found[0]):04X}]", text)
    return f"\\&{text}" if text.startswith(".") else text


def main(folder: str) -> None:
    """Write all pages into a folder."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (target / name).write_text(text, encoding="utf-8")
    click.echo(f"Read them with: man {target / 'zchat.1'}", err=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
