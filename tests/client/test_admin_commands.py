"""`zchat admin`, invitations and private rooms, as they are typed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from zchat.common.keys import KeyPair, Link, to_base32

from .. import inside
from ..processes import Broker, LineMode

Zchat = Callable[..., subprocess.CompletedProcess[str]]
Join = Callable[..., LineMode]

LINK = str(Link("127.0.0.1", 1, b"k" * 32))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("admin allow bob", "A key is a fingerprint or a public key"),
        ("admin reset bob xyz", "A key is a fingerprint or a public key"),
        ("admin ban bob --for 5x", "--for takes a time as"),
        ("admin ban bob --for 0m", "--for takes a time as"),
        ("admin ban 192.0.2.", "no address or network '192.0.2.'"),
        ("admin ban 192.0.2.0/99", "no address or network"),
        ("admin kick b@b", "The nick 'b@b'"),
        ("admin mute bob", "Somebody is muted in a room"),
        ("admin unmute bob", "Somebody is unmuted in a room"),
        (f"admin kick bob --key nowhere -b {LINK}", "The key file nowhere cannot be read"),
        (f"admin kick bob --key nowhere -u alice -b {LINK}", "only one of --key and --nick"),
        ("admin forget b@b", "The nick 'b@b'"),
        ("admin vacuum now", "unexpected extra argument"),
        ("admin kick", "Missing argument 'NICK'"),
        ("admin invite", "There is no command invite"),
        ("admin revoke", "Missing argument 'NAME'"),
        (f"admin revoke {LINK}", "An invitation is named as zchat admin list shows it"),
        (f"admin revoke {'a' * 65}", "An invitation is named as zchat admin list shows it"),
        ("admin list bob", "unexpected extra argument"),
        (f"admin list --key nowhere -b {LINK}", "The key file nowhere cannot be read"),
        ("link --uses 3", "--uses belongs to an invitation"),
        (f"link -b {LINK}", "--broker belongs to an invitation"),
        ("link --invite --expires soon", "--expires takes a time as"),
        ("link --invite --uses 0", "--uses"),
        ("join --private", "Name one"),
        ("join --invite-file -", "Standard input is read for the messages already"),
        ("send --invite-file -", "Standard input is read for the messages already"),
        ("send --each-line --invite-file -", "Standard input is read for the messages already"),
        ("who --invite-file nowhere", "The file nowhere cannot be read"),
        ("who --invite-file -", "That is not a link"),
        (f"who --invite-file nowhere -b {LINK}", "only one of them"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(zchat: Zchat, command: str, words: str) -> None:
    """Whatever is wrong is told before any broker is asked."""
    done = zchat(*command.replace("nowhere", "no-such-file").split(), "--json")

    assert done.returncode == 2, done
    assert words.replace("nowhere", "no-such-file") in done.stderr
    assert done.stderr.count("\n") == 1
    assert json.loads(done.stdout)["error"] == "usage"


def test_the_brokers_account_is_its_operator(broker: Broker, zchat: Zchat) -> None:
    """Without a nick the operator's key is used, with one that nick's; no file of a nick is made for the operator."""
    zchat("send", "hi", nick="bob")
    refused = zchat("admin", "kick", "bob", nick="alice")
    done = zchat("admin", "op", "alice", "--json")
    allowed = zchat("admin", "kick", "bob", nick="alice")
    shut_out = zchat("send", "hi", nick="bob")

    assert (refused.returncode, allowed.returncode) == (4, 0)
    assert done.returncode == 0, done
    assert list(json.loads(done.stdout)) == ["done"]
    assert shut_out.returncode == 4
    assert shut_out.stderr.count("\n") == 1
    assert "zchat admin unban" in shut_out.stderr


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("deny", ("Shut out a key", "at once", "whatever the access mode", "until allowed", "KEY|NICK")),
        ("allow", ("Let a key in", "whatever the access mode", "ends a deny, but no ban")),
        ("revoke", ("Take back an invitation", "zchat admin list", "NAME")),
        ("list", ("bans, invitations, operators, keys allowed and denied", "--json")),
    ],
)
def test_help_says_what_is_done(zchat: Zchat, command: str, words: tuple[str, ...]) -> None:
    """In the command's own help, without another command's."""
    told = " ".join(zchat("admin", command, "--help").stdout.split())

    assert all(word in told for word in words), told


def test_a_key_file_makes_an_operator_anywhere(broker: Broker, zchat: Zchat, tmp_path: Path) -> None:
    """The key that the broker made works from another account, by link."""
    key = tmp_path / "operator.key"
    key.write_bytes((broker.data / "operator.key").read_bytes())
    done = inside.run(tmp_path / "other", "admin", "ban", "192.0.2.0/24", "-b", broker.link, "--key", key)

    assert done.returncode == 0, done
    assert "192.0.2.0/24" in done.stdout
    assert not (tmp_path / "other" / "data" / "nicks").exists()
    assert not (tmp_path / "other" / "state" / "nicks").exists()


def test_what_is_done_in_a_room_is_told_there(broker: Broker, zchat: Zchat, spawn_join: Join) -> None:
    """With --room it is an entry of the room, for its people to see."""
    bob = spawn_join("bob")
    done = zchat("admin", "mute", "bob", "-r", "lobby", "--for", "10m", "--reason", "too loud")

    assert (done.returncode, done.stdout) == (0, "bob is muted for 10m in lobby.\n")
    bob.wait_for("-- operator muted bob until", "(too loud)")


def test_an_invitation_lets_somebody_in(home: Path, zchat: Zchat, tmp_path: Path) -> None:
    """Once, and from a file, so that it is in no process list."""
    with Broker(home, "--access", "invite") as broker:
        made = json.loads(zchat("link", "--invite", "--json", "--expires", "2h").stdout)
        assert list(made) == ["link", "expires", "uses"]
        assert made["link"].startswith(f"{broker.link}?invite=")
        file = tmp_path / "invitation"
        file.write_text(f"{made['link']}\n")
        other, third = tmp_path / "other", tmp_path / "third"
        without = inside.run(other, "send", "-b", broker.link, "hi", nick="bob")
        by_file = inside.run(other, "send", "--invite-file", file, "hi", nick="bob")
        known = inside.run(other, "send", "-b", broker.link, "hi", nick="bob")
        spent = inside.run(third, "who", "--invite-file", "-", nick="carol", stdin=file.read_text())
        own = zchat("send", "hi", nick="alice")

    assert [done.returncode for done in (without, by_file, known, spent, own)] == [4, 0, 0, 4, 0]


def test_a_nick_that_changes_takes_its_key_along(broker: Broker, zchat: Zchat, spawn_join: Join, home: Path) -> None:
    """The next command finds the key by the new nick, which is the one last used."""
    bob = spawn_join("bob")
    bob.type("/nick robert")
    bob.wait_for("-- You are called robert now.")
    assert bob.quit() == 0
    (index,) = (home / "data" / "nicks").iterdir()

    assert [path.name for path in index.iterdir()] == ["robert"]
    assert '"from":"robert"' in zchat("send", "--json", "hi").stdout


def test_a_private_room_from_the_command_line(broker: Broker, zchat: Zchat, spawn_join: Join) -> None:
    """Nobody else can read it or learn that it is there."""
    alice = spawn_join("alice", "--private", "-r", "plans", wait=False)
    alice.wait_for("-- You joined plans (private; you are its owner)")
    alice.type("secret")
    alice.wait_for("alice: secret")

    assert "plans" not in zchat("rooms", nick="bob").stdout
    assert zchat("tail", "-r", "plans", "--no-follow", nick="bob").returncode in (4, 6)


def test_public_keys_are_taken_as_they_are_exported(broker: Broker, zchat: Zchat) -> None:
    """As base32 or as a fingerprint, in any case."""
    pair = KeyPair.generate()
    for key in (to_base32(pair.public), pair.fingerprint.upper()):
        assert zchat("admin", "allow", key).returncode == 0
