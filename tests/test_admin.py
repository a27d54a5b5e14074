"""The operator's flow with real processes: what is decided takes hold, is listed, and can be taken back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from . import inside
from .processes import Broker, LineMode

Done = subprocess.CompletedProcess[str]
Join = Callable[..., LineMode]


class Account:
    """One account on the machine, which knows the broker by its link alone unless it runs it."""

    def __init__(self, home: Path, broker: Broker) -> None:
        self._home = home
        self._broker = broker

    def zchat(self, *arguments: object, stdin: str | None = None) -> Done:
        """Run a command to its end, in this process."""
        return inside.run(self._home, *arguments, stdin=stdin)

    def say(self, nick: str, *, invitation: str = "") -> Done:
        """Come in as somebody and say something."""
        if invitation:
            return self.zchat("send", "-u", nick, "--invite-file", "-", "hi", stdin=invitation)
        return self.zchat("send", "-u", nick, "-b", self._broker.link, "hi")

    def key(self, nick: str) -> str:
        """The public key of somebody."""
        done = self.zchat("key", "export", "-u", nick, "-b", self._broker.link)
        assert done.returncode == 0, done
        return done.stdout.strip()


@pytest.fixture
def broker(home: Path) -> Iterator[Broker]:
    """A broker that takes who is invited; that it outlives everything is a part of what is shown."""
    with Broker(home, "--access", "invite") as broker:
        yield broker
        assert broker.stop() == 0
        assert "Traceback" not in broker.log


@pytest.fixture
def operator(home: Path, broker: Broker) -> Account:
    """The account that runs the broker."""
    return Account(home, broker)


@pytest.fixture
def guests(tmp_path: Path, broker: Broker) -> Account:
    """Everybody else."""
    return Account(tmp_path / "guests", broker)


def done(result: Done) -> str:
    """What a command that worked has printed; it had nothing to complain about."""
    assert (result.returncode, result.stderr) == (0, ""), result
    return result.stdout


def refused(result: Done, code: int, *words: str) -> None:
    """It ended with this code, and said in one line what happened and what to do."""
    assert result.returncode == code, result
    assert result.stderr.startswith("zchat: "), result
    assert result.stderr.count("\n") == 1, result
    assert result.stderr.endswith(".\n"), result
    assert all(word in result.stderr for word in words), result.stderr
    assert result.stdout == ""


def listed(account: Account, *options: object) -> list[dict[str, object]]:
    """What is in force, as programs read it."""
    found = [json.loads(line) for line in account.zchat("admin", "list", "--json", *options).stdout.splitlines()]
    assert all(list(each) == ["kind", "name", "nick", "until", "uses", "by", "reason"] for each in found)
    return found


def invite(operator: Account, uses: int = 1) -> str:
    """A link with a new invitation."""
    return done(operator.zchat("link", "--invite", "--uses", uses)).strip()


def test_an_invitation_is_listed_and_revoked(operator: Account, guests: Account) -> None:
    """It lets in, is listed with what is left of it, and once it is revoked it lets nobody in; who is in stays."""
    empty = operator.zchat("admin", "list")
    assert (empty.returncode, empty.stdout, empty.stderr) == (0, "", "Nothing is in force.\n")
    assert listed(operator) == []

    link = invite(operator, uses=2)
    done(guests.say("bob", invitation=link))
    (ruling,) = listed(operator)
    assert (ruling["kind"], ruling["nick"], ruling["uses"], ruling["by"]) == ("invitation", "", 1, "operator")
    assert str(ruling["name"]) not in link
    (line,) = done(operator.zchat("admin", "list")).splitlines()
    assert line.split()[:2] == ["invitation", ruling["name"]]
    assert line.endswith("1 use left  by operator")

    assert done(operator.zchat("admin", "revoke", ruling["name"])).startswith(f"The invitation {ruling['name']} ")
    refused(guests.say("carol", invitation=link), 4, "invitation")
    done(guests.say("bob"))
    assert listed(operator) == []
    refused(operator.zchat("admin", "revoke", "nosuch"), 4, "There is no invitation nosuch", "zchat admin list")


def test_a_ban_is_listed_with_its_reason_and_lifted(operator: Account, guests: Account) -> None:
    """By nick, by whom and why; the same nick lifts it. What holds already is not done twice."""
    done(guests.say("mallory", invitation=invite(operator)))
    done(operator.zchat("admin", "ban", "mallory", "--for", "2h", "--reason", "spam"))
    refused(guests.say("mallory"), 4, "zchat admin unban")
    refused(operator.zchat("admin", "kick", "mallory"), 4, "banned from this broker already")
    (ban,) = listed(operator)
    assert (ban["kind"], ban["nick"], ban["by"], ban["reason"]) == ("ban", "mallory", "operator", "spam")
    assert str(ban["until"]).endswith("Z")
    (line,) = done(operator.zchat("admin", "list")).splitlines()
    assert line.split()[:3] == ["ban", "mallory", "until"]
    assert line.endswith("by operator  spam")

    done(operator.zchat("admin", "unban", "mallory"))
    done(guests.say("mallory"))
    assert listed(operator) == []
    refused(operator.zchat("admin", "unban", "mallory"), 4, "mallory is not banned")


def test_every_ban_is_lifted_as_it_is_listed(operator: Account, guests: Account) -> None:
    """By key, address or network; a mistake in naming somebody is told."""
    key = guests.key("mallory")
    for whom in (key, "192.0.2.7", "192.0.2.0/24", "2001:db8::/64"):
        done(operator.zchat("admin", "ban", whom))
    for ban in listed(operator):
        done(operator.zchat("admin", "unban", ban["name"]))

    assert listed(operator) == []
    refused(operator.zchat("admin", "ban", "nobody"), 6, "There is no user nobody")


def test_a_key_is_allowed_and_denied(operator: Account, guests: Account) -> None:
    """An allowed key comes in without an invitation; a denied one is out at once, though it is known."""
    key = guests.key("bob")
    refused(guests.say("bob"), 4, "lets in who is invited")
    done(operator.zchat("admin", "allow", key))
    done(guests.say("bob"))
    assert [(each["kind"], each["nick"], each["until"]) for each in listed(operator)] == [("allowed", "bob", None)]

    done(operator.zchat("admin", "deny", "bob"))
    refused(guests.say("bob"), 4)
    assert [(each["kind"], each["nick"]) for each in listed(operator)] == [("denied", "bob")]
    done(operator.zchat("admin", "allow", key))
    done(guests.say("bob"))


def test_who_is_denied_is_put_out_at_once(operator: Account, spawn_join: Join) -> None:
    """Somebody in the chat is told by whom, and their chat ends with exit code 4."""
    bob = spawn_join("bob")
    done(operator.zchat("admin", "deny", "bob"))
    bob.wait_for("shut out", "operator")

    assert bob.wait() == 4


def test_a_named_operator_acts_under_their_nick(operator: Account, guests: Account, broker: Broker) -> None:
    """They list, ban and invite as themselves, wherever they are; they name no operators, and lose it by deop."""
    link = invite(operator, uses=2)
    for nick in ("alice", "mallory"):
        done(guests.say(nick, invitation=link))
    as_alice = ("-u", "alice", "-b", broker.link)
    refused(guests.zchat("admin", "list", *as_alice), 4, "Only an operator of the broker")
    done(operator.zchat("admin", "op", "alice"))
    done(guests.zchat("admin", "ban", "mallory", *as_alice))

    assert {(each["kind"], each["nick"], each["by"]) for each in listed(guests, *as_alice)} == {
        ("operator", "alice", "operator"),
        ("ban", "mallory", "alice"),
    }
    refused(guests.zchat("admin", "op", "mallory", *as_alice), 4, "operator's own key")
    done(operator.zchat("admin", "deop", "alice"))
    refused(guests.zchat("admin", "unban", "mallory", *as_alice), 4, "Only an operator of the broker")


def test_a_nick_that_is_reset_is_free(operator: Account, guests: Account, tmp_path: Path, broker: Broker) -> None:
    """Another key claims it; its former owner is an operator of the broker no more."""
    done(guests.say("bob", invitation=invite(operator)))
    done(operator.zchat("admin", "op", "bob"))
    another = Account(tmp_path / "another", broker)
    refused(another.say("bob", invitation=invite(operator)), 5, "belongs to somebody else")
    done(operator.zchat("admin", "reset", "bob"))
    assert [each["kind"] for each in listed(operator)] == ["invitation"]
    done(another.say("bob", invitation=invite(operator)))

    refused(another.zchat("admin", "list", "-u", "bob", "-b", broker.link), 4, "Only an operator of the broker")
    refused(operator.zchat("admin", "reset", "nobody"), 6, "There is no user nobody")


def test_an_operator_of_a_room_deletes_what_somebody_said(operator: Account, spawn_join: Join) -> None:
    """With /delete NICK, and nobody else: others are told that they may not."""
    alice, bob = spawn_join("alice", "-r", "den"), spawn_join("bob", "-r", "den")
    for speaker, text in ((alice, "mine"), (bob, "spam")):
        speaker.type(text)
        alice.wait_for(f": {text}")
        bob.wait_for(f": {text}")
    bob.type("/delete alice")
    bob.wait_for("The message of alice was not deleted", "only operators of den")
    alice.type("/delete bob")
    alice.wait_for("-- alice deleted a message of bob")
    bob.wait_for("-- alice deleted a message")

    assert (alice.quit(), bob.quit()) == (0, 0)
    assert "bob: (deleted)" in operator.zchat("tail", "-r", "den", "--no-follow").stdout


def test_without_a_broker_the_known_ones_are_named(guests: Account, broker: Broker, operator: Account) -> None:
    """Who has met one elsewhere is told how to name it, and that works."""
    done(guests.say("bob", invitation=invite(operator)))
    lost = guests.zchat("who")
    refused(lost, 3, "Known here: ", f"127.0.0.1:{broker.port}", "zchat broker")
    word = lost.stderr.partition(" -b ")[2].partition(",")[0]

    done(guests.zchat("who", "-b", word))
