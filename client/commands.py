"""The slash commands: their names, what they take, and how a typed line is read.

Owns the table that parsing, ``/help`` and suggestions share. Does not know what a command does (`speaking`). Pure;
used by the receive thread.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from ..common.errors import InputError


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """One command as it is typed and explained."""

    name: str
    takes: str
    does: str
    aliases: tuple[str, ...] = ()

    @property
    def usage(self) -> str:
        """``/name ARGUMENTS``."""
        return f"/{self.name} {self.takes}".rstrip()


COMMANDS = (
    SlashCommand("help", "[COMMAND]", "lists the commands, or explains one", ("h",)),
    SlashCommand("who", "[ROOM]", "shows who is here, or in a room", ("list", "names", "users")),
    SlashCommand(
        "msg",
        "[NICK [TEXT]]",
        "sends a private message; without TEXT, what you type next goes to NICK; alone, it lists whom you can choose",
        ("tell", "w"),
    ),
    SlashCommand("query", "[NICK]", "what you type next goes to NICK; alone, it goes to the room again"),
    SlashCommand("reply", "TEXT", "answers the last private message", ("r",)),
    SlashCommand("me", "TEXT", "says what you do"),
    SlashCommand(
        "join",
        "ROOM [--private]",
        "enters a room, or turns to one you are in; --private makes one for those you invite",
        ("j",),
    ),
    SlashCommand("part", "[ROOM]", "leaves this room, or another", ("leave",)),
    SlashCommand("rooms", "", "lists the rooms"),
    SlashCommand("topic", "[TEXT]", "shows or sets the topic of the room"),
    SlashCommand(
        "search", "WORDS", 'finds what was said: all the words, dep* for beginnings, "in quotes" what is together'
    ),
    SlashCommand("answer", "[ID] CHOICE", "answers the last question here, or the one with this number"),
    SlashCommand("away", "[TEXT]", "tells the others that you are away"),
    SlashCommand("back", "", "tells them that you are back"),
    SlashCommand(
        "history", "[N]", "shows the last N messages once more (20 if not said); at a terminal, alone, older ones"
    ),
    SlashCommand(
        "delete", "[NICK]", "deletes your last message here; with NICK, theirs in this room, if you are its operator"
    ),
    SlashCommand("last", "", "shows once more what was unread here"),
    SlashCommand("edit", "[TEXT]", "opens your editor to write a message (Ctrl-X Ctrl-E: with what you have typed)"),
    SlashCommand("retry", "", "sends again what was refused (Alt-R)"),
    SlashCommand("drop", "", "gives up what was refused (Alt-X)"),
    SlashCommand("notices", "[all|smart|none]", "whose coming and going is shown; smart: of who spoke lately"),
    SlashCommand("bell", "[off|pm|all]", "for what the bell rings: nothing, private messages, mentions too"),
    SlashCommand("ignore", "[NICK]", "shows nothing of somebody any more; alone, it lists whom you ignore"),
    SlashCommand("unignore", "NICK", "shows somebody again"),
    SlashCommand("nick", "NAME", "changes what you are called"),
    SlashCommand("whois", "NICK", "tells who somebody is, here or away"),
    SlashCommand("invite", "NICK", "lets somebody into this private room"),
    SlashCommand("kick", "NICK [REASON]", "puts somebody out of this room"),
    SlashCommand("ban", "NICK [TIME] [REASON]", "keeps somebody out of this room, for 10m, 2h or 7d if you say so"),
    SlashCommand("unban", "NICK", "lifts a ban"),
    SlashCommand("mute", "NICK [TIME] [REASON]", "lets somebody read here but not speak"),
    SlashCommand("unmute", "NICK", "lets somebody speak again"),
    SlashCommand("op", "NICK", "makes somebody an operator of this room"),
    SlashCommand("deop", "NICK", "makes somebody an operator no more"),
    SlashCommand("quit", "[REASON]", "leaves the chat", ("exit", "q")),
)

_BY_WORD = {word: command for command in COMMANDS for word in (command.name, *command.aliases)}


@dataclass(frozen=True, slots=True)
class Typed:
    """A line as it is meant: a command's name with the rest, or "" with a text to say."""

    command: str
    rest: str


def parse(line: str) -> Typed:
    """What a typed line means; raises `InputError` for an unknown command. ``//text`` says ``/text``."""
    if not line.startswith("/"):
        return Typed("", line)
    if line.startswith("//"):
        return Typed("", line[1:])
    word, _, rest = line[1:].partition(" ")
    return Typed(find(word).name, rest.strip())


def find(word: str) -> SlashCommand:
    """The command called so; raises `InputError` with a suggestion."""
    command = _BY_WORD.get(word.lower().removeprefix("/"))
    if command is not None:
        return command
    close = difflib.get_close_matches(word.lower(), _BY_WORD, n=1)
    hint = f"Did you mean /{close[0]}?" if close else "See /help."
    raise InputError(f"There is no command /{word[:40]}. {hint} To say it, begin with //.")


def help_lines(word: str = "") -> list[str]:
    """The list of commands, or one explained; raises `InputError`."""
    if word:
        command = find(word)
        also = f" (also {', '.join('/' + alias for alias in command.aliases)})" if command.aliases else ""
        return [f"{command.usage}: {command.does}{also}"]
    return [f"{command.usage:<27} {command.does}" for command in COMMANDS]
