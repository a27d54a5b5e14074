"""Scripts: what happens in one run of the simulation, as a list of events that a seed decides beforehand.

An event names whom it is about, and does nothing where that makes no sense any more. So each part of a script is a
script too, and one that fails can be cut down to what matters (`shrink`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from zchat.broker.policy import Policy
from zchat.client.rooms import Start
from zchat.common.rules import ACTS

PUBLIC, PRIVATE = ("lobby", "dev"), ("plans", "den")
KINDS = ("invite", "invite", *ACTS)


@dataclass(frozen=True, slots=True)
class Role:
    """One place at which a program of a user runs, again and again."""

    slot: str
    nick: str
    program: str
    """``chat``, ``send`` or ``tail``."""
    rooms: tuple[str, ...]

    @property
    def key(self) -> str:
        """Whose it is."""
        return f"key-of-{self.nick}"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happens."""

    at: float
    """Seconds since the beginning."""
    salt: int
    """What the weather is drawn from until the next event."""
    what: str
    who: str = ""
    """A slot; of what is about several of them, their names with blanks between."""
    words: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()

    def __str__(self) -> str:
        words = " ".join(repr(word) for word in self.words)
        numbers = " ".join(f"{number:g}" for number in self.numbers)
        return " ".join(filter(None, (f"{self.at:8.3f}", self.what, self.who, words, numbers)))


@dataclass(frozen=True, slots=True)
class Script:
    """A whole run."""

    seed: int
    policy: Policy
    orderly: bool
    """See `network`."""
    pause: float
    queue: int
    disk_seconds: float
    roles: tuple[Role, ...]
    events: tuple[Event, ...]
    starts: dict[str, Start] = field(default_factory=dict)
    """Where the program of a slot begins to read."""
    brokers: int = 1
    """How many share the history (`town`)."""


def compose(seed: int, length: int = 120) -> Script:
    """The script of a seed with about so many events."""
    random = Random(seed)
    slow = random.random() < 0.25
    policy = Policy(
        burst=random.choice((150, 300)) if slow else 100_000,
        rate=random.choice((40.0, 100.0)) if slow else 5_000.0,
        page_entries=random.choice((20, 500) if slow else (2, 7, 500)),
        open_questions=random.choice((2, 64)),
        keep_messages=random.choice((0, 0, 5, 30)),
    )
    orderly = random.random() < 0.7
    roles, starts = _cast(random)
    events = [Event(0.01 * (number + 1), _salt(random), "arrive", role.slot) for number, role in enumerate(roles)]
    at, number = 0.5, 0
    tempo = random.choice((0.05, 0.2, 0.6))
    # Each seed leaves some things out and does others more often: what is rare among everything is tried too.
    weights = {what: weight * random.choice((0, 1, 1, 4)) for what, weight in _WEIGHTS.items()} | {"say": 10.0}
    people = [role for role in roles if role.program == "chat"]
    while len(events) < length:
        at += random.expovariate(1 / tempo)
        number += 1
        events.append(_event(random, round(at, 3), number, roles, people, weights))
    pause, queue = random.choice((0.0005, 0.01, 0.05)), random.choice((1, 8, 64))
    disk_seconds = random.choice((0.0, 0.01, 0.2))
    return Script(seed, policy, orderly, pause, queue, disk_seconds, roles, tuple(events), starts)


def _salt(random: Random) -> int:
    return random.getrandbits(32)


def _cast(random: Random) -> tuple[tuple[Role, ...], dict[str, Start]]:
    nicks = ["alice", "bob", "carol", "dora"][: random.randint(2, 4)]
    roles = [Role(nick, nick, "chat", PUBLIC) for nick in nicks]
    if random.random() < 0.4:
        roles.append(Role("alice-2", "alice", "chat", PUBLIC[: random.randint(1, 2)]))
    roles += [
        Role(f"pipe-{n}", f"pipe{'ab'[n]}", "send", (random.choice(PUBLIC),)) for n in range(random.randint(1, 2))
    ]
    if random.random() < 0.7:
        roles.append(Role("tail", random.choice(("tess", "bob")), "tail", PUBLIC))
    begins = (Start(after=0), Start(after=0), Start(last=3), Start())
    return tuple(roles), {role.slot: random.choice(begins) for role in roles}


def _event(
    random: Random, at: float, number: int, roles: tuple[Role, ...], people: list[Role], weights: dict[str, float]
) -> Event:
    salt = _salt(random)
    who = random.choice(people).slot
    nick = random.choice(people).nick
    anyone = random.choice(roles).slot
    pipe = random.choice([role for role in roles if role.program == "send"]).slot
    room, den = random.choice(PUBLIC), random.choice(PRIVATE)
    words, numbers = (), ()

    def some(most: float) -> float:
        return round(random.random() * most, 3)

    what = random.choices(list(weights), list(weights.values()))[0]
    match what:
        case "say":
            words = (room, f"{who} {number}")
        case "whisper":
            what, words = "say", (den, f"secret {who} {number}")
        case "tell":
            who, words = random.choice((who, anyone)), (nick, f"secret to {nick} {number}")
        case "type":
            lines = (f"typed {number}", "/me waves", "/delete", f"/topic t{number}", f"/msg {nick} secret {number}")
            words = (random.choice(lines),)
        case "ask":
            words = (room, f"asked {number}")
        case "answer":
            words = (random.choice(("/answer yes", "/answer no", "/answer 1", "/search asked yes*")),)
        case "lines":
            who, words, numbers = pipe, (f"line {number}",), (random.choice((1, 2, 5, 30)),)
        case "rename":
            words = (f"{who.partition('-')[0]}{'vwxyz'[random.randrange(5)]}",)
        case "join":
            words = (random.choice((room, den, den)),)
        case "part":
            words = (random.choice((*PUBLIC, *PRIVATE)),)
        case "act":
            words = (random.choice(KINDS), random.choice((den, den, den, "dev")), nick)
            numbers = (random.choice((0, 0, 5)),)
        case "delete":
            words, numbers = (random.choice((room, den)),), (random.randrange(6),)
        case "storm":
            who, numbers = "", (random.randrange(3), some(0.4), some(0.3), some(0.5), some(1.0), some(8))
            if random.random() < 0.5:
                numbers = (*numbers[:4], 0.0, numbers[5])
        case "partition":
            some_of = random.sample(roles, random.randint(1, len(roles)))
            who = " ".join(role.slot for role in some_of)
            words, numbers = (random.choice(("both", "both", "in", "out")),), (some(random.choice((3, 12, 25))),)
        case "cut" | "deafen" | "deafen quietly":
            who = anyone
        case "stall":
            who, numbers = anyone, (some(random.choice((2, 10, 25))),)
        case "kill" | "quit":
            who, numbers = anyone, (some(random.choice((0.5, 5, 30))),)
        case "crash" | "close":
            who, numbers = "", (some(random.choice((0.2, 3, 10))),)
        case "crash at commit":
            who, words, numbers = "", (random.choice(("before", "after")),), (some(3),)
        case "disk full" | "disk unreadable":
            who, numbers = "", (some(random.choice((1, 10))),)
        case "forget":
            who, words = "", (random.choice(roles).key,)
        case "vacuum":
            who = ""
        case "commits fail":
            who, numbers = "", (random.choice((1, 1, 2)),)
    return Event(at, salt, what, who, words, numbers)


_WEIGHTS = {
    "say": 14,
    "whisper": 10,
    "tell": 6,
    "type": 6,
    "ask": 3,
    "answer": 8,
    "lines": 12,
    "rename": 1.5,
    "join": 6,
    "part": 2,
    "act": 8,
    "delete": 3,
    "storm": 5,
    "partition": 3,
    "cut": 3,
    "deafen": 1,
    "deafen quietly": 1,
    "stall": 3,
    "kill": 3,
    "quit": 1,
    "crash": 2,
    "close": 0.7,
    "crash at commit": 2,
    "disk full": 1.5,
    "disk unreadable": 0.7,
    "commits fail": 2,
    "forget": 0.7,
    "vacuum": 0.7,
}
