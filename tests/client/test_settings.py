"""The client's settings: what counts more, what the file may say, and what is shown of them."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from zchat.client import settings
from zchat.client.cli import who
from zchat.client.join_cli import join
from zchat.client.options_cli import SettingOption, is_given, is_usual, while_it_lasts
from zchat.client.pipes_cli import tail
from zchat.client.screen_chat import BELLS
from zchat.client.speaking import NOTICES
from zchat.common.cli import COMMANDS, load
from zchat.common.config import usual_file
from zchat.common.errors import InputError

EXAMPLE = """
[client]
broker = "attic"
nick = "alice"
timeout = 5
color = "never"
rooms = ["lobby", "builds"]
notices = "smart"

[hooks]
mention = "notify-send zchat"

[limits]
rate = 100
"""


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration of a fresh account; it is not there yet."""
    for setting in settings.SETTINGS:
        monkeypatch.delenv(setting.variable, raising=False)
    monkeypatch.delenv("ZCHAT_CONFIG", raising=False)
    monkeypatch.setenv("ZCHAT_HOME", str(tmp_path))
    path = tmp_path / "config" / "config.toml"
    path.parent.mkdir()
    assert usual_file() == path
    return path


def option(command: click.Command, name: str, *arguments: str) -> object:
    """What a command takes an option to be."""
    return command.make_context(command.name, list(arguments)).params[name]


def test_a_flag_counts_more_than_the_environment_that_more_than_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And all more than the default."""
    assert option(join, "notices") == "all"
    file.write_text(EXAMPLE)
    assert option(join, "notices") == "smart"
    monkeypatch.setenv("ZCHAT_NOTICES", "none")
    assert option(join, "notices") == "none"
    assert option(join, "notices", "--notices", "all") == "all"


def test_each_kind_of_setting_reaches_its_option(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts, numbers and lists, from the file and from the environment."""
    file.write_text(EXAMPLE)
    assert option(who, "broker") == "attic"
    assert option(who, "timeout") == 5.0
    assert option(join, "rooms") == ("lobby", "builds")
    monkeypatch.setenv("ZCHAT_ROOMS", "one two")
    monkeypatch.setenv("ZCHAT_TIMEOUT", "2.5")
    assert option(join, "rooms") == ("one", "two")
    assert option(who, "timeout") == 2.5


def test_rooms_are_those_of_join_alone(file: Path) -> None:
    """`tail` follows what it is told to."""
    file.write_text(EXAMPLE)

    assert option(tail, "rooms") == ()


def test_a_nick_in_the_file_is_what_is_usual(file: Path) -> None:
    """It is told from one that was typed."""
    file.write_text(EXAMPLE)
    with who.make_context("who", []):
        assert (is_usual("nick"), is_given("nick")) == (True, False)
    with who.make_context("who", ["-u", "bob"]):
        assert (is_usual("nick"), is_given("nick")) == (False, True)


def test_a_usual_timeout_ends_nothing_that_goes_on(file: Path) -> None:
    """A chat is not over after the seconds that a question may take; a typed one is meant."""
    file.write_text(EXAMPLE)
    with join.make_context("join", []) as context:
        assert while_it_lasts(context.params["timeout"]) is None
    with join.make_context("join", ["--timeout", "9"]) as context:
        assert while_it_lasts(context.params["timeout"]) == 9.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[client]\nnik = 'bob'", ["there is no setting nik in [client]", "Did you mean nick?"]),
        ("[hooks]\nmentoin = 'x'", ["Did you mean mention?"]),
        ("[cleint]\nnick = 'bob'", ["there is no table [cleint]", "Did you mean client?"]),
        ("nick = 'bob'", ["there is no table [nick]"]),
        ("client = 1", ["[client] is a table"]),
        ("[client]\nnick = 7", ["nick in [client] is a text in quotes"]),
        ("[client]\nnotices = 'loud'", ["is one of all, smart, none"]),
        ("[client]\ntimeout = true", ["a number of seconds"]),
        ("[client]\ntimeout = 0", ["a number of seconds"]),
        ("[client]\ntimeout = nan", ["a number of seconds"]),
        ("[client]\nrooms = 'lobby'", ["a list as"]),
        ("[client]\nrooms = []", ["a list as"]),
        ("[client\n", ["cannot be read"]),
    ],
)
def test_what_the_file_may_not_say_is_named(file: Path, text: str, words: list[str]) -> None:
    """With the file, the setting, and what may have been meant."""
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        settings.read()

    assert all(word in str(caught.value) for word in [str(file), *words])


def test_the_other_sides_tables_are_left_to_it(file: Path) -> None:
    """One file is for both; each side checks its own names."""
    file.write_text("[limits]\nno_such_limit = 1\n[client]\nnick = 'bob'\n")

    assert settings.read() == {"nick": "bob"}


def test_every_option_of_a_setting_is_in_the_table() -> None:
    """Nothing but the table makes a client's option with a name in the environment, so they cannot differ."""
    commands = [load(path) for path in COMMANDS.values() if "client" in path]
    found = {
        option.envvar
        for command in commands
        for each in [command, *getattr(command, "commands", {}).values()]
        for option in each.params
        if option.envvar and option.envvar != "ZCHAT_DATA"
    }
    options = [option for command in commands for option in command.params if isinstance(option, SettingOption)]

    assert found == {setting.variable for setting in settings.SETTINGS if setting.flags}
    assert all(option.help for option in options)


def test_the_page_for_scripts_has_every_setting() -> None:
    """With its table, variable, option and default."""
    page = (Path(__file__).parents[2] / "docs" / "scripts.md").read_text(encoding="utf-8")
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in page.splitlines() if "ZCHAT_" in line]
    found = {row[1]: row for row in rows if len(row) == 5}

    assert set(found) == set(settings.BY_NAME)
    for name, setting in settings.BY_NAME.items():
        table, _, variable, option, default = found[name]
        assert (table, variable) == (f"[{setting.table}]", setting.variable)
        assert option == (setting.flags[-1] if setting.flags else "")
        assert setting.default is None or default == setting.default


# --- zchat config ---------------------------------------------------------------------------------------------
Zchat = Callable[..., subprocess.CompletedProcess[str]]


def test_config_shows_what_is_in_force_and_where_from(zchat: Zchat, home: Path) -> None:
    """Of both sides; as JSON, and as a file that would say the same."""
    config = home / "config" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(EXAMPLE)
    rows = [json.loads(line) for line in zchat("config", "--json", nick="bob").stdout.splitlines()]
    found = {(row["table"], row["name"]): (row["value"], row["from"]) for row in rows}

    assert found["client", "nick"] == ("bob", "ZCHAT_NICK")
    assert found["client", "rooms"] == (["lobby", "builds"], str(config))
    assert found["limits", "rate"] == (100, str(config))
    assert found["history", "keep_messages"] == (None, "default")
    said = tomllib.loads(zchat("config", nick="bob").stdout)
    assert said["client"]["rooms"] == ["lobby", "builds"]
    assert said["hooks"] == {"mention": "notify-send zchat"}


def test_what_config_prints_is_a_configuration_whatever_is_in_it(zchat: Zchat, home: Path) -> None:
    """Quotes, emoji and control characters come back as they were, and none reaches the terminal."""
    config = home / "config" / "config.toml"
    config.parent.mkdir(parents=True)
    odd = 'say "\U0001f600" \x7f\x9b\u202e\\ \u043f'
    config.write_text(f"[hooks]\nmention = {json.dumps(odd)}".replace("\\ud83d\\ude00", "\U0001f600"))
    out = zchat("config").stdout

    assert tomllib.loads(out)["hooks"]["mention"] == odd
    assert out.replace("\n", "").isprintable()


def test_config_tells_where_the_file_is_even_if_it_is_broken(zchat: Zchat, home: Path) -> None:
    """Other commands say in one line what is wrong with it, and end with 2."""
    config = home / "config" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("[client]\nnik = 'bob'\n")

    assert zchat("config", "--path").stdout == f"{config}\n"
    done = zchat("who")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("zchat: In ")
    assert done.stderr.count("\n") == 1


def test_what_can_be_set_can_be_typed() -> None:
    """/notices and /bell take the words that the settings of these names take."""
    assert settings.BY_NAME["notices"].choices == NOTICES
    assert settings.BY_NAME["bell"].choices == BELLS
