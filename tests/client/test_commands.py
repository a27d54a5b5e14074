"""How a typed line is read: text, a slash command, or a mistake."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from zchat.client.actions import Print
from zchat.client.chat import Chat, ChatOptions
from zchat.client.commands import COMMANDS, Typed, find, help_lines, parse
from zchat.client.core import ClientCore
from zchat.client.rooms import Start
from zchat.client.session import Profile
from zchat.common.clock import Now
from zchat.common.errors import InputError

ALIASES = {
    "list": "who",
    "names": "who",
    "users": "who",
    "tell": "msg",
    "w": "msg",
    "r": "reply",
    "exit": "quit",
}
"""What scripts and fingers rely on."""

WORDS = [word for command in COMMANDS for word in (command.name, *command.aliases)]


@pytest.mark.parametrize(
    ("line", "command", "rest"),
    [
        ("hello", "", "hello"),
        ("", "", ""),
        (" /quit", "", " /quit"),
        ("either/or", "", "either/or"),
        ("//etc/hosts", "", "/etc/hosts"),
        ("//", "", "/"),
        ("///", "", "//"),
        ("//nonsense", "", "/nonsense"),
        ("/who", "who", ""),
        ("/who dev", "who", "dev"),
        ("/WHO dev", "who", "dev"),
        ("/msg bob  two  blanks ", "msg", "bob  two  blanks"),
        ("/me /waves", "me", "/waves"),
        ("/msg bob one\ntwo", "msg", "bob one\ntwo"),
        ("/quit ", "quit", ""),
    ],
)
def test_what_a_line_means(line: str, command: str, rest: str) -> None:
    """One slash begins a command, in whatever case; two say a text that begins with one; the rest is text."""
    assert parse(line) == Typed(command, rest)


@pytest.mark.parametrize("alias", ALIASES)
def test_the_aliases_of_the_contract(alias: str) -> None:
    """Who learnt a command elsewhere finds it under that name."""
    assert parse(f"/{alias} x") == Typed(ALIASES[alias], "x")


def test_no_word_means_two_commands() -> None:
    """Every name and alias is there once, and in lower case, as it is looked for."""
    assert len(WORDS) == len(set(WORDS))
    assert [word.lower() for word in WORDS] == WORDS
    assert all(find(word) in COMMANDS for word in WORDS)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("/mgs bob hi", "Did you mean /msg?"),
        ("/hlep", "Did you mean /help?"),
        ("/QIUT", "Did you mean /quit?"),
        ("/romos", "Did you mean /rooms?"),
        ("/zzzzzz", "See /help."),
        ("/", "See /help."),
        ("/ hello", "See /help."),
        ("/etc/hosts", "See /help."),
        ("/" + "x" * 1_000_000, "See /help."),
    ],
)
def test_an_unknown_command_is_an_error_with_a_way_out(line: str, hint: str) -> None:
    """The error names what was typed, suggests what was meant, and tells how to say it; it stays short."""
    with pytest.raises(InputError) as caught:
        parse(line)
    text = str(caught.value)

    assert text.startswith(f"There is no command {line.split(' ')[0][:41]}. {hint}")
    assert "begin with //" in text
    assert len(text) < 150


@given(st.text() | st.text(alphabet="/ whome\n"))
def test_any_line_is_text_a_command_or_an_input_error(line: str) -> None:
    """Nothing that is typed breaks the reading, and no text is changed but for its first slash."""
    try:
        typed = parse(line)
    except InputError:
        assert line.startswith("/")
        return

    assert typed.command in {"", *(command.name for command in COMMANDS)}
    if not typed.command:
        assert typed.rest == (line[1:] if line.startswith("//") else line)
    assert bool(typed.command) == (line.startswith("/") and not line.startswith("//"))


def test_help_names_every_command() -> None:
    """/help is one line a command, with what it takes and does."""
    lines = help_lines()

    assert len(lines) == len(COMMANDS)
    for line, command in zip(lines, COMMANDS, strict=True):
        assert line.startswith(f"{command.usage} ")
        assert line.endswith(command.does)


@pytest.mark.parametrize("word", [*WORDS, "/who", "WHO"])
def test_help_explains_one_command_with_its_aliases(word: str) -> None:
    """/help takes a name or an alias, with or without its slash."""
    (line,) = help_lines(word)
    command = find(word)

    assert line.startswith(f"{command.usage}: {command.does}")
    assert all(f"/{alias}" in line for alias in command.aliases)


def test_help_for_an_unknown_command_suggests_one() -> None:
    """As when it is typed."""
    with pytest.raises(InputError, match=r"Did you mean /topic\?"):
        help_lines("tpoic")


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
@pytest.mark.parametrize("rest", ["", " x", " 3", " x y"])
def test_every_command_of_the_table_is_carried_out(name: str, rest: str) -> None:
    """What /help promises the chat does, or it says what is missing; it never gives up over it."""
    core = ClientCore(Profile("alice", "i", "test", present=True), lambda size: b"\1" * size)
    chat = Chat(core, ChatOptions(["lobby"], Start()))
    chat.start(Now(0, 0))
    actions = chat.line(f"/{name}{rest}", Now(0, 0))

    assert not any(isinstance(action, Print) and f"no command /{name}" in action.text for action in actions)
