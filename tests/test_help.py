"""What every command says of itself: its help, and the manual page that is made of it."""

from __future__ import annotations

import shutil
import subprocess

import click
import pytest

from zchat.common.cli import EPILOG, EXITS, cli
from zchat.common.errors import ExitCode
from zchat.common.man_cli import _commands, pages

COMMANDS = dict(_commands(cli, "zchat"))
PAGES = pages()


@pytest.mark.parametrize("path", COMMANDS)
def test_every_help_shows_an_example_and_the_exit_codes(path: str) -> None:
    """The example is one of this very command."""
    command = COMMANDS[path]
    with click.Context(command, info_name=path) as context:
        text = command.get_help(context)
    after = text.partition("Example:")[2]

    assert f"\n    {path}" in after or f"$({path}" in after, text
    assert " ".join(after.split()).endswith(EPILOG)


@pytest.mark.parametrize("path", [path for path, command in COMMANDS.items() if isinstance(command, click.Group)])
def test_a_list_of_commands_tells_all_of_each(path: str) -> None:
    """In a terminal of 80 columns no description is cut short."""
    group = COMMANDS[path]
    assert isinstance(group, click.Group)
    with click.Context(group, info_name=path, terminal_width=80) as context:
        text = group.get_help(context)

    assert not [line for line in text.partition("Commands:")[2].splitlines() if line.endswith("...")]


@pytest.mark.parametrize("path", COMMANDS)
def test_no_option_shows_the_name_of_a_type(path: str) -> None:
    """What it takes is said as a person would."""
    with click.Context(COMMANDS[path], info_name=path) as context:
        assert "INTEGER" not in COMMANDS[path].get_help(context)


@pytest.mark.parametrize("path", [path for path, command in COMMANDS.items() if not isinstance(command, click.Group)])
def test_every_command_can_speak_to_programs(path: str) -> None:
    """By --json; the broker's only output is its link, and its log has a form of its own."""
    options = {flag for option in COMMANDS[path].params for flag in option.opts}

    assert ("--json" in options) == (path != "zchat broker")


def test_every_exit_code_is_explained() -> None:
    """The list in the help is that of the program."""
    codes = {value for name, value in vars(ExitCode).items() if name.isupper()}

    assert set(EXITS) == codes
    assert all(f"{code} {meaning}" in EPILOG for code, meaning in EXITS.items())


def test_every_command_and_option_has_a_page() -> None:
    """None is missing, and each says the same as the help."""
    assert set(PAGES) == {f"{path.replace(' ', '-')}.1" for path in COMMANDS}
    for path, command in COMMANDS.items():
        page = PAGES[f"{path.replace(' ', '-')}.1"].replace("\\-", "-").replace("\\(aq", "'")
        for option in command.params:
            if isinstance(option, click.Option):
                assert all(flag in page for flag in option.opts)
                assert option.help
                assert option.help.replace("\\", "\\e") in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_pages_are_well_formed() -> None:
    """The formatter of manual pages has nothing to complain about, and shows what stands there."""
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-rLL=100n"],
        input="".join(PAGES.values()).encode(),
        capture_output=True,
        timeout=30,
        check=True,
    )

    assert done.stderr == b""
    text = subprocess.run(["col", "-bpx"], input=done.stdout, capture_output=True, check=True).stdout.decode()
    assert "zchat-send - Send a message" in text
    assert "130    Ctrl-C" in text
