"""Hellos that come faster than the disk: what several of them in one wake-up may claim."""

from __future__ import annotations

from pathlib import Path

import pytest

from zchat.broker.actions import Action, Reply
from zchat.broker.core import Core
from zchat.broker.sessions import NICKS
from zchat.broker.sqlite import SqliteHistory
from zchat.broker.storage import fulfil
from zchat.common import messages as m
from zchat.common.clock import Now
from zchat.common.errors import Code

NOW = Now(0.0, 0)


@pytest.mark.parametrize("nicks", [["one", "two", "three"], ["one", "ONE", "two"]])
def test_a_key_claims_one_nick_however_fast_it_speaks(tmp_path: Path, nicks: list[str]) -> None:
    """Of several nicks asked for at once a key gets the first, and the others stay free."""
    history = SqliteHistory(tmp_path / "history.sqlite")
    core = Core(history, name="test", pub=1, word=lambda: "s", now=NOW)
    actions: list[Action] = []
    for nick in nicks:
        actions += core.handle(b"identity", "key", m.Hello(nick=nick, instance="i"), NOW)
    actions += core.complete(fulfil(history, actions), NOW)
    answers = [action.event for action in actions if isinstance(action, Reply)]
    claimed = history.table(NICKS)
    history.close()

    assert list(claimed) == ["one"]
    assert {answer.nick for answer in answers if isinstance(answer, m.Welcome)} == {"one"}
    refused = [answer.code for answer in answers if isinstance(answer, m.Refused)]
    assert refused == [Code.NICK_TAKEN] * sum(nick.lower() != "one" for nick in nicks)


def test_a_nick_that_was_taken_first_leaves_the_key_free(tmp_path: Path) -> None:
    """A key whose claim came too late may claim another nick."""
    history = SqliteHistory(tmp_path / "history.sqlite")
    core = Core(history, name="test", pub=1, word=lambda: "s", now=NOW)
    actions = core.handle(b"1", "key-1", m.Hello(nick="one", instance="i"), NOW)
    actions += core.handle(b"2", "key-2", m.Hello(nick="one", instance="i"), NOW)
    core.complete(fulfil(history, actions), NOW)
    actions = core.handle(b"2", "key-2", m.Hello(nick="two", instance="i"), NOW)
    answers = core.complete(fulfil(history, actions), NOW)
    history.close()

    assert [
        action.event.nick for action in answers if isinstance(action, Reply) and isinstance(action.event, m.Welcome)
    ] == ["two"]
