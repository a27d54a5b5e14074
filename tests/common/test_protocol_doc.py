"""`docs/protocol.md` says what the code does: every message, field, code, limit and example in it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from msgspec import inspect

from zchat.broker import Broker, moderation, rates, rights
from zchat.broker.policy import Mode
from zchat.broker.roster import direct_room
from zchat.common import batches, limits, messages as m, wire
from zchat.common.errors import Code, InputError
from zchat.common.keys import Link, fingerprint, to_base32
from zchat.common.names import fold, parse_nick, parse_room
from zchat.common.rules import ACTS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
PATIENCE = 20.0
NUMBERS = {2**63 - 1: "2^63-1", 2**47: "2^47", 2**40: "2^40", 2**33: "2^33"}
"""How the page writes large numbers."""


# --- reading the page ---


def section(title: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    heading = re.search(rf"^(#+) {re.escape(title)}\n", PAGE, re.M)
    assert heading is not None, f"the page has no section {title}"
    body = PAGE[heading.end() :]
    following = re.search(rf"^#{{1,{len(heading[1])}}} ", body, re.M)
    return body[: following.start()] if following else body


def subsections(text: str) -> dict[str, str]:
    """Heading of the third level → what stands under it."""
    parts = re.split(r"^### `(\w+)`\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def tables(text: str) -> Iterator[list[list[str]]]:
    """The tables in a text, each as rows of cells without the heading; backquotes stay."""
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.M):
        rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in block.splitlines()]
        yield rows[2:]


def table(text: str) -> list[list[str]]:
    """The only table in a text."""
    (rows,) = tables(text)
    return rows


def code(cell: str) -> str:
    """What stands between backquotes."""
    assert cell.startswith("`"), cell
    assert cell.endswith("`"), cell
    return cell[1:-1]


def name(cell: str) -> str:
    """A name as the tables of names write it, with \\uXXXX for what can hardly be read."""
    return re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), code(cell))


def fenced(word: str) -> str:
    """The block that is fenced as this."""
    (found,) = re.findall(rf"^```{word}\n(.*?)^```$", PAGE, re.M | re.S)
    return str(found)


def hex_dump(word: str) -> bytes:
    """The bytes of a block of hex with comments."""
    return bytes.fromhex("".join(line.partition("#")[0] for line in fenced(word).splitlines()))


# --- messages ---

GROUPS: dict[str, tuple[type, ...]] = {
    "Commands": m.Command.__args__,
    "Events": tuple(batches.FORMS.get(kind, kind) for kind in m.Event.__args__),
    "Parts": (
        *(part for part in m.Value.__subclasses__() if part.__module__ == m.Entry.__module__),
        batches.Batch,
        batches.Author,
        batches.Detail,
        batches.AckBatch,
    ),
}


def called(kind: type) -> str:
    return str(kind.__struct_config__.tag) if issubclass(kind, m.Message) else kind.__name__


def number(value: float | None) -> str:
    return NUMBERS.get(value, str(value)) if isinstance(value, int) else str(value)


def told(info: inspect.Type) -> str:
    """A type and its bounds as the page tells them."""
    match info:
        case inspect.BoolType():
            return "bool"
        case inspect.IntType(ge=None, le=None):
            return "int"
        case inspect.IntType(ge=low, le=high):
            return f"int, {number(low)} to {number(high)}"
        case inspect.FloatType(ge=low, le=high):
            return f"float, {number(low)} to {number(high)}"
        case inspect.StrType(pattern=str(pattern)):
            return "str, " + pattern.removeprefix("^").removesuffix(r"\Z")
        case inspect.StrType(min_length=None, max_length=None):
            return "str"
        case inspect.StrType(min_length=None, max_length=high):
            return f"str, at most {high}"
        case inspect.StrType(min_length=low, max_length=high):
            return f"str, {low} to {high}"
        case inspect.LiteralType(values=words):
            return "one of " + ", ".join(sorted(map(str, words)))
        case inspect.BytesType():
            return "bin"
        case inspect.UnionType(types=(inspect.BytesType(), inspect.ListType()) as types):
            return " or ".join(map(told, types))
        case inspect.UnionType(types=types):
            (other,) = (each for each in types if not isinstance(each, inspect.NoneType))
            return told(other)
        case inspect.ListType(item_type=item):
            return f"list of {told(item)}"
        case inspect.DictType(key_type=key, value_type=value, max_length=most):
            return f"map of ({told(key)}) to ({told(value)})" + (f", at most {most}" if most is not None else "")
        case inspect.StructType(cls=cls):
            return cls.__name__
    raise AssertionError(info)


def default(field: inspect.Field) -> str:
    """A default as the page tells it."""
    if field.required:
        return "required"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    return "`nil`" if value is None else f"`{msgspec.json.encode(value).decode()}`"


@pytest.mark.parametrize("group", GROUPS)
def test_every_kind_is_told_and_no_other(group: str) -> None:
    """A message that the page leaves out, or that the code does not have, fails here."""
    assert list(subsections(section(group))) == [called(kind) for kind in GROUPS[group]]


@pytest.mark.parametrize(
    ("group", "kind"),
    [(group, kind) for group, kinds in GROUPS.items() for kind in kinds],
    ids=lambda each: each if isinstance(each, str) else called(each),
)
def test_every_field_is_told_as_it_is(group: str, kind: type) -> None:
    """Each field stands in the table of its message, with its type, bounds and default, and says what it means."""
    rows = table(subsections(section(group))[called(kind)])
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)

    assert [row[:3] for row in rows] == [
        [f"`{field.encode_name}`", told(field.type), default(field)] for field in info.fields
    ]
    assert all(row[3] for row in rows)


def test_every_code_is_told_and_no_other() -> None:
    """The table of refusals holds exactly the codes there are, each with its meaning and what to do."""
    rows = table(section("Refusal codes"))

    assert [code(row[0]) for row in rows] == sorted(Code)
    assert all(cell for row in rows for cell in row)


def test_the_version_is_told() -> None:
    """The page is about the version that the code speaks."""
    assert PAGE.startswith(f"# The protocol, version {wire.VERSION}\n")


def test_words_in_code_type_exist() -> None:
    """What the page writes like a kind, a field or a code is one; so a renamed one is not left behind."""
    structs = [inspect.type_info(kind) for kinds in GROUPS.values() for kind in kinds]
    known = {called(kind) for kinds in GROUPS.values() for kind in kinds} | set(Code)
    known |= {field.encode_name for info in structs if isinstance(info, inspect.StructType) for field in info.fields}
    known |= {"type", "nil", "true", "false", "lobby", "joined", "left", "back", "deleted"}
    known |= {*get_args(m.EntryKind), *get_args(m.AdminVerb)}
    prose = PAGE.replace(section("Rooms and names"), "")

    assert set(re.findall(r"`([a-z][a-z_]+)`", prose)) <= known
    assert set(re.findall(r"`([A-Z][a-z]\w*)`", prose)) <= known


# --- rules ---


def test_what_is_done_to_somebody_is_told() -> None:
    """The table of what is done to somebody in a room has every kind, who may, and whether it has an end."""
    rows = table(section("Who may do what in a room"))

    assert [code(row[0]) for row in rows] == list(ACTS)
    for row in rows:
        lowest = moderation.DONE_BY.get(code(row[0]), rights.OPERATOR)
        assert row[1] == ("owner" if lowest == rights.OWNER else "operator, owner")
        assert (row[3] == "`until`") == (code(row[0]) in ("ban", "mute"))


def test_what_operators_do_is_told() -> None:
    """The tables of access modes and of the verbs of `Admin` are complete."""
    modes, verbs = tables(section("Who may come in"))

    assert [row[0] for row in modes] == list(get_args(Mode))
    assert sorted(code(row[0]) for row in verbs) == sorted(get_args(m.AdminVerb))


def test_costs_are_those_of_the_code() -> None:
    """The table of costs is what keys are charged."""
    rows = {row[0]: int(row[1]) for row in table(section("How much is allowed"))}

    assert rows.pop("every other") == 1
    assert {code(command): cost for command, cost in rows.items()} == {
        called(kind): cost for kind, cost in rates.COSTS.items()
    }


# --- numbers ---


def limit_rows() -> dict[str, str]:
    return {code(row[0]): row[1] for row in table(section("Limits"))}


@pytest.mark.parametrize(("word", "value"), limit_rows().items())
def test_limits_are_those_of_the_code(word: str, value: str) -> None:
    """A limit in the table has the value that the code uses."""
    expected = getattr(limits, word)
    numbers = tuple(float(part) for part in value.split(","))

    assert numbers == (expected if isinstance(expected, tuple) else (expected,))


def test_limits_that_are_named_are_in_the_table() -> None:
    """Whatever the page names in capitals is a limit in its table, or an option of ZeroMQ in the other one."""
    options = {word for row in table(section("Socket options")) for word in re.findall(r"`(\w+)`", row[0])}

    assert set(re.findall(r"`([A-Z][A-Z_]+)`", PAGE)) <= limit_rows().keys() | options | {"THIS_FORM"}


# --- examples ---


@pytest.mark.parametrize(("word", "kind"), [("hex hello", m.Hello), ("hex welcome", m.Welcome)])
def test_dumps_are_what_the_code_makes(word: str, kind: type[m.Message]) -> None:
    """Each dump decodes to its message, and the message encodes to the very same bytes."""
    data = hex_dump(word)
    message = wire.decode_command(data) if kind in m.Command.__args__ else wire.decode_event(data)

    assert isinstance(message, kind)
    assert wire.encode(message) == data


@pytest.mark.parametrize("word", ["hex hello", "hex welcome"])
def test_dumps_are_annotated_rightly(word: str) -> None:
    """The texts and numbers beside the bytes are those in the bytes."""
    items = msgspec.msgpack.decode(hex_dump(word)[1:])
    notes = [line.partition("# ")[2].strip() for line in fenced(word).splitlines() if "#" in line]

    def lines(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            yield f"map of {len(value)}"
            for key, inner in value.items():
                yield f"{key}:"
                yield from lines(inner)
        else:
            yield msgspec.json.encode(value).decode()

    assert notes == ["version", *lines(items)]


def test_a_batch_is_as_in_the_example() -> None:
    """The entries that are written out become the batch beside them."""
    rows = [code(row[-1]) for row in table(section("Batches"))]
    entries = [msgspec.json.decode(row, type=m.Entry) for row in rows[:-1]]

    assert msgspec.json.decode(msgspec.json.encode(batches.pack(entries))) == msgspec.json.decode(rows[-1])


def test_keys_are_as_in_the_example() -> None:
    """Fingerprint, base32 and link of the example key are right, and so is the direct room of two keys."""
    rows = {row[0]: code(row[1]) for row in next(tables(section("Encryption and keys")))}
    key = bytes.fromhex(rows["public key, hex"])

    assert rows["public key, base32"] == to_base32(key)
    assert rows["fingerprint"] == fingerprint(key)
    assert Link.parse(rows["link"]) == Link("192.0.2.7", 5555, key)
    assert rows["link"] == str(Link("192.0.2.7", 5555, key))
    other = bytes(range(0x01, 0x21))
    assert f"    {direct_room(fingerprint(key), fingerprint(other))}\n" in section("Private messages")


FOLDED, LEGAL = tables(section("Rooms and names"))


@pytest.mark.parametrize("row", FOLDED, ids=lambda row: ascii(row[0]))
def test_names_fold_as_in_the_table(row: list[str]) -> None:
    """A test vector of folding, and the topic that comes of it."""
    assert fold(name(row[0])) == fold(parse_room(name(row[0]))) == name(row[1])
    assert wire.topic(fold(name(row[0]))) == bytes.fromhex(code(row[2]))


@pytest.mark.parametrize("row", LEGAL, ids=lambda row: ascii(row[0]))
def test_names_are_legal_as_in_the_table(row: list[str]) -> None:
    """A test vector of the rules of names."""
    for parse, verdict in ((parse_nick, row[1]), (parse_room, row[2])):
        try:
            parse(name(row[0]))
        except InputError:
            assert verdict == "illegal", row
        else:
            assert verdict == "legal", row


def test_the_client_on_the_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client printed there joins a real broker, speaks, hears itself, and reads what was said before it came."""
    monkeypatch.setenv("ZCHAT_HOME", str(tmp_path))
    (tmp_path / "client.py").write_text(fenced("python"), encoding="utf-8")

    def run(link: str, *words: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, tmp_path / "client.py", link, *words],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    with Broker(tmp_path / "broker") as broker:
        assert run(broker.link, "ann", "Straße", "water's on") == ["1 ann water's on"]
        assert run(broker.link, "ben", "STRASSE", "coming") == ["1 ann water's on", "2 ben coming"]
