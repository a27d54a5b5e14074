"""A room is exported to lines, and they are imported: into its own room, another one, or another broker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zchat.broker.home import HISTORY, Home
from zchat.broker.sqlite import SqliteHistory
from zchat.broker.transfer import Imported, export, import_
from zchat.common import messages as m
from zchat.common.errors import InputError, RefusedError, ZchatError

from .house import OPERATOR, House, key


def house_in(folder: Path) -> House:
    """A broker whose history is in a folder."""
    folder.mkdir(exist_ok=True)
    return House(history=SqliteHistory(folder / HISTORY))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder of a broker with a public and a private room, which is stopped."""
    house = house_in(tmp_path / "data")
    house.enter(OPERATOR, "alice", "bob", "carol")
    house.join("Builds", "alice", "bob")
    house.say("alice", "one", "два 👋\nlines", room="builds")
    house.send(("alice", m.Say(id="q", kind="ask", text="ship?", room="builds", choices=["yes", "no"])))
    house.send(("bob", m.Say(id="a", kind="answer", text="no", room="builds", about=3)))
    house.send(("alice", m.Say(id="d", kind="delete", text="", room="builds", about=1)))
    house.send(("alice", m.Say(id="t", kind="topic", text="what we build", room="builds")))
    house.done("alice", "mute", "bob", "builds", seconds=1_000_000)
    house.join("secret", "alice", private=True)
    house.say("alice", "before bob", room="secret")
    house.done("alice", "invite", "bob", "secret")
    house.say("alice", "after bob", room="secret")
    house.history.close()
    return tmp_path / "data"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The folder of another broker, in which others have talked before."""
    house = house_in(tmp_path / "other")
    house.enter("dave")
    house.say("dave", "here before", room="lobby")
    house.history.close()
    return tmp_path / "other"


def exported(data: Path, room: str) -> Path:
    """The file of a room."""
    file = data.parent / f"{room}.jsonl"
    export(data / HISTORY, room, file)
    return file


def entries(data: Path, room: str, user: str = "alice") -> list[m.Entry]:
    """What a user reads in a room once the broker is started."""
    house = house_in(data)
    house.enter(user)
    page = house.page(user, room)
    house.history.close()
    return page


def test_a_room_comes_whole_to_another_broker(data: Path, other: Path) -> None:
    """Every entry with its id, author and time, its question and answer; topic, owner and rights too."""
    done = import_(other, exported(data, "builds"), None)

    assert done == Imported("Builds", added=7)
    assert entries(other, "builds") == entries(data, "builds")
    house = house_in(other)
    house.enter("alice", "bob")
    entered = house.ask("alice", m.Join(room="builds"), m.Entered)
    assert (entered.name, entered.topic, entered.role) == ("Builds", "what we build", "owner")
    assert not house.may_speak("bob", "builds")
    assert house.may_speak("alice", "builds")
    house.history.close()


def test_what_is_there_is_not_added_again(data: Path, other: Path) -> None:
    """A repeat, into the room it came from or where it was imported, changes nothing."""
    file = exported(data, "builds")
    import_(other, file, None)
    before = entries(other, "builds")

    assert import_(data, file, None) == Imported("Builds", known=7)
    assert import_(other, file, None) == Imported("Builds", known=7)
    assert entries(other, "builds") == before


def test_into_a_room_where_others_talk(data: Path, other: Path) -> None:
    """They come behind what is there, and what is about another entry is about the same one."""
    assert import_(other, exported(data, "builds"), "lobby") == Imported("lobby", added=7)
    page = entries(other, "lobby")

    assert [entry.seq for entry in page] == list(range(1, 9))
    assert [entry.prev for entry in page] == list(range(8))
    assert page[0].text == "here before"
    assert {entry.kind: entry.about for entry in page if entry.about} == {"answer": 4, "delete": 2}


def test_a_private_room_stays_private(data: Path, other: Path) -> None:
    """Its members may read it where they could before, others not; into a public room it does not come."""
    file = exported(data, "secret")
    with pytest.raises(InputError, match="private"):
        import_(other, file, "lobby")
    import_(other, file, "vault")

    assert [entry.text for entry in entries(other, "vault", "alice")] == ["before bob", "", "after bob"]
    assert entries(other, "vault", "bob")[-1].text == "after bob"
    assert "before bob" not in [entry.text for entry in entries(other, "vault", "bob")]
    house = house_in(other)
    house.enter("dave")
    assert not house.may_enter("dave", "vault")
    house.history.close()


def test_an_answer_without_its_question_is_a_message(data: Path, other: Path) -> None:
    """As the rest of a file from which lines were taken, or of a room that has kept its last entries only."""
    file = exported(data, "builds")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if '"ask"' not in line))

    assert import_(other, file, None).added == 6
    assert import_(other, file, None).known == 6
    assert ("message", "no", 0) in [(entry.kind, entry.text, entry.about) for entry in entries(other, "builds")]


def test_another_text_under_the_same_id_stays(data: Path) -> None:
    """Nothing that is there is changed, and it is counted."""
    file = exported(data, "builds")
    file.write_text(file.read_text().replace('"what we build"', '"forged"'))

    assert import_(data, file, None) == Imported("Builds", known=6, other=1)
    assert "forged" not in [entry.text for entry in entries(data, "builds")]


def test_a_fault_anywhere_imports_nothing(data: Path, other: Path) -> None:
    """The whole file is looked at first."""
    file = exported(data, "builds")
    file.write_text(file.read_text() + "{}\n")

    with pytest.raises(InputError, match="Line 9"):
        import_(other, file, None)
    with pytest.raises(RefusedError):
        export(other / HISTORY, "builds", None)


def test_a_long_room_is_imported_in_parts(data: Path, other: Path) -> None:
    """Nothing is lost or doubled where one part ends and the next one begins."""
    file = exported(data, "builds")
    first, line, *_ = file.read_text().splitlines()
    entry = {**json.loads(line), "kind": "message", "text": "x"}
    lines = [json.dumps({**entry, "seq": number, "id": f"i{number}"}) for number in range(1, 1_202)]
    file.write_text("\n".join([first, *lines]) + "\n")

    assert import_(other, file, "long") == Imported("long", added=1_201)
    house = house_in(other)
    assert house.history.heads()["long"] == 1_201
    house.history.close()


def test_an_import_wants_the_folder_for_itself(data: Path, other: Path) -> None:
    """A running broker has to be stopped; an export does not mind it."""
    home = Home(data)
    file = exported(data, "builds")
    with pytest.raises(ZchatError, match="Another broker uses the folder"):
        import_(data, file, None)
    home.close()

    assert import_(data, file, None).known == 7


def test_private_messages_are_not_exported(data: Path) -> None:
    """Nor is a room that is not there."""
    for room in (f"@{key('alice')}.{key('bob')}", "nowhere"):
        with pytest.raises(ZchatError):
            export(data / HISTORY, room, None)
