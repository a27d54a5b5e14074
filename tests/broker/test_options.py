"""The table of settings: it is whole, and what is made from it is up to date."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from msgspec import structs

from zchat.broker.endpoints import parse_place
from zchat.broker.options import ABOUT, DEFAULTS, OPTIONS, TABLES, TYPES, Service, flag, page
from zchat.broker.policy import Policy
from zchat.broker.settings import in_force, read
from zchat.common.config import toml_lines
from zchat.common.errors import InputError

from ..inside import run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"


pytestmark = pytest.mark.usefixtures("fresh_account")


def test_every_setting_has_its_words() -> None:
    """Each field of the settings is in the table once, with help, a reason, a type and a default."""
    fields = [field.name for struct in (Service, Policy) for field in structs.fields(struct)]

    assert sorted(ABOUT) == sorted(fields) == sorted(DEFAULTS) == sorted(set(TYPES))
    assert sorted(name for names in TABLES.values() for name in names) == sorted(fields)
    for about in ABOUT.values():
        assert about.help.endswith(".")
        assert about.reason


def test_the_page_is_up_to_date() -> None:
    """docs/configuration.md is what `make docs` writes."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_help_names_every_option(tmp_path: Path) -> None:
    """`zchat broker --help` has the options of the table, in its words, and no others."""
    text = run(tmp_path, "broker", "--help").stdout
    shown = set(re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, re.M))

    assert shown == {flag(name) for name in OPTIONS} | {"--config", "--check-config", "--help"}
    words = " ".join(text.split())
    for name in OPTIONS:
        assert " ".join(ABOUT[name].help.split()[:3]) in words


def test_a_checked_configuration_is_one(tmp_path: Path) -> None:
    """What --check-config prints can be used as a configuration, says where each value is from, and starts nothing."""
    given = tmp_path / "given.toml"
    given.write_text('[broker]\nname = "Käse 🧀"\nlog = "/tmp/x"\n[limits]\nrate = 7\n[client]\nnick = "ann"\n')
    done = run(tmp_path / "home", "broker", "--config", given, "--port", 6000, "--check-config")
    again = tmp_path / "again.toml"
    again.write_text(done.stdout)
    (port,) = [line for line in done.stdout.splitlines() if line.startswith("port ")]

    assert (done.returncode, done.stderr) == (0, "")
    assert port.split("#")[1].strip() == "--port"
    assert f"rate = 7                        # {given}"[:20] in done.stdout
    assert tomllib.loads(done.stdout)["broker"]["name"] == "Käse 🧀"
    assert read(again).policy == read(given).policy
    assert read(again).service.port == 6000
    assert not (tmp_path / "home" / "data").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[broker]\nprot = 5\n", "there is no setting prot in [broker]. Did you mean port?"),
        ("[broker]\nport = 70000\n", "The setting port is not possible"),
        ('[broker]\nlog_format = "xml"\n', "The setting log_format is not possible"),
        ('[broker]\nmetrics = "here"\n', "--metrics takes [HOST:]PORT"),
        ('[broker]\nadvertise = "a:5"\n', "--advertise takes a host's name"),
        ('[broker]\nadvertise = "a,b"\n', "--advertise takes a host's name"),
        ('[broker]\nothers = "a:5,b:x"\n', "--others takes HOST:PORT, several with commas between. "),
        ('[broker]\nlog = "syslog+tls://h"\n', "Name FILE, syslog"),
        ('[history]\nkeep = "a while"\n', "keep"),
        ("[brokr]\n", "Did you mean broker?"),
    ],
)
def test_a_configuration_with_a_fault_is_told(tmp_path: Path, text: str, words: str) -> None:
    """--check-config says in one line what is wrong, and ends with 2; so does a broker that is started with it."""
    path = tmp_path / "config.toml"
    path.write_text(text)
    for arguments in (["--check-config"], []):
        done = run(tmp_path / "home", "broker", "--config", path, *arguments)

        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.startswith("zchat: ")
        assert words in done.stderr
        assert done.stderr.count("\n") == 1


def test_the_command_line_counts_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given has its origin; the environment is one when the settings in force are shown."""
    monkeypatch.setenv("ZCHAT_LOG_FORMAT", "json")
    settings = read(None, {"rate": (5.0, "--rate")})

    assert settings.policy.rate == 5
    assert ("limits", "rate", 5.0, "--rate") in settings.rows
    assert ("broker", "log_format", "json", "ZCHAT_LOG_FORMAT") in in_force()
    assert json.dumps([value for _, _, value, _ in in_force()])


def test_settings_are_shown_as_people_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is off is not set, whole numbers have no point, and a number from the environment is one."""
    monkeypatch.setenv("ZCHAT_PORT", "6000")
    monkeypatch.setenv("ZCHAT_KEEP", "30d")
    lines = [line.partition("#")[0].rstrip() or line for line in toml_lines(in_force())]

    for line in ("port = 6000", 'keep = "30d"', "# keep_messages is not set", "handshake = 3", "room_rate = 0.1"):
        assert line in lines


@pytest.mark.parametrize(
    ("text", "port", "place"),
    [
        ("9100", None, ("127.0.0.1", 9100)),
        ("0.0.0.0:9100", None, ("0.0.0.0", 9100)),
        ("[::1]:9100", None, ("::1", 9100)),
        ("host", 514, ("host", 514)),
        ("host:515", 514, ("host", 515)),
        ("[::1]", 514, ("::1", 514)),
        ("[::1]:5", 514, ("::1", 5)),
    ],
)
def test_places_are_read(text: str, port: int | None, place: tuple[str, int]) -> None:
    """A port alone is on loopback; a host alone has the usual port; IPv6 stands in brackets."""
    assert parse_place(text, "--x", port=port) == place


@pytest.mark.parametrize("text", ["", "host:", ":5", "::1:5", "host:65536", "host:-1", "host:५", "[]:5", "[::1"])
def test_places_that_are_none(text: str) -> None:
    """The error names the option."""
    for port in (None, 514):
        with pytest.raises(InputError, match="--x takes"):
            parse_place(text, "--x", port=port)
