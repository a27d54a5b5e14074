"""What a half-typed line can become, and what it would do.

Owns which word is completed to what, by the table of `commands`. Does not know keys nor how candidates are shown
(`terminal`). Pure; the input thread.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..common.errors import InputError
from ..common.names import fold
from .commands import COMMANDS, SlashCommand, find


def complete(
    before: str, nicks: Sequence[str], rooms: Sequence[str], choices: Sequence[str] = ()
) -> tuple[str, list[str]]:
    """The word before the cursor and what can stand in its place; `before` is the text up to the cursor.

    `choices` are those of the question that can be answered.
    """
    word = before[max(before.rfind(" "), before.rfind("\n")) + 1 :]
    if not _is_command(before):
        if not word:
            return "", []
        end = ": " if word == before else " "
        return word, _matching(word, nicks, end)
    if word == before:
        return word, [f"/{name} " for name in _names() if name.startswith(word[1:].lower())]
    name, *arguments = before[1:].split(" ")
    try:
        takes = _arguments(find(name))
    except InputError:
        return word, []
    wanted = takes[min(len(arguments), len(takes)) - 1] if takes else ""
    if "|" in wanted or wanted.startswith("--"):
        return word, _matching(word, wanted.split("|"), " ")
    offered = {"ROOM": rooms, "COMMAND": _names(), "ID": choices, "CHOICE": choices}
    return word, _matching(word, offered.get(wanted, nicks), " ") if word or wanted in (*offered, "NICK") else []


def hint(text: str) -> str:
    """What the command being typed does, or which ones it can become; "" for anything else."""
    if not _is_command(text) or "\n" in text:
        return ""
    name, blank, _ = text[1:].partition(" ")
    try:
        command = find(name) if name else None
    except InputError:
        command = None
    longer = [other for other in _names() if other.startswith(name.lower())]
    if command is not None and (blank or longer in ([], [command.name]) or command.name == name.lower()):
        return f"{command.usage}: {command.does}"
    if blank or not longer:
        return f"There is no command /{name}; begin with // to say it."
    return " ".join(f"/{other}" for other in longer)


def _is_command(text: str) -> bool:
    return text.startswith("/") and not text.startswith("//")


def _names() -> list[str]:
    return [command.name for command in COMMANDS]


def _arguments(command: SlashCommand) -> list[str]:
    """The words that a command takes, without the brackets of those that may be left out."""
    return command.takes.replace("[", "").replace("]", "").split()


def _matching(word: str, offered: Sequence[str], end: str) -> list[str]:
    folded = fold(word)
    return [f"{name}{end}" for name in dict.fromkeys(offered) if fold(name).startswith(folded)]
