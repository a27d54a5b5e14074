"""Two brokers of one chat over a database of their own, with people at both who know the way to the other one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from zchat.common.keys import Link

from ..postgres import REASON, Postgres, find
from ..processes import run, until
from .checker import Line
from .ground import Unable
from .stage import PATIENCE, ROOM, Actor, Chat


def database() -> Postgres:
    """A server for one fault, not started yet."""
    if find() is None:
        raise Unable(REASON)
    return Postgres()


class Town(Chat):
    """A chat with a second broker, `other`; the people at either may go to the other."""

    def __init__(self, home: Path, urls: Sequence[str], variables: Sequence[Mapping[str, str]] = ({}, {})) -> None:
        super().__init__(home, options=("--history", urls[0]), variables=variables[0])
        self.other = Chat(home / "other", options=("--history", urls[1]), variables=variables[1])
        self.here: list[Actor] = []
        """Those who came to the first broker, and to the other one."""
        self.there: list[Actor] = []

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            folder = self.other.home / "broker"
            folder.mkdir(mode=0o700, parents=True)
            for name in ("broker.key", "operator.key"):
                shutil.copy(self.home / "broker" / name, folder / name)
            self._stack.enter_context(self.other)
        except BaseException:
            self._stack.close()
            raise
        return self

    @property
    def brokers(self) -> tuple[Chat, Chat]:
        """Both, to be stopped and started."""
        return self, self.other

    def people_at_both(self, writers: int, tails: int, persons: int) -> None:
        """So many of each at either broker."""
        links = [Link.parse(broker.link) for broker in self.brokers]
        for link, beside, prefix, group in zip(links, links[::-1], "ab", (self.here, self.there), strict=True):
            known = {actor.name for actor in self.everybody}
            self.people(writers, tails, persons, str(link.beside([beside.place])), prefix)
            group += [actor for actor in self.everybody if actor.name not in known]

    def those_who_join(self) -> None:
        """Until they have, and either broker knows all of them, so that it tells of nobody's first coming later on."""
        super().those_who_join()
        for broker in self.brokers:
            until(partial(self._all_known, broker), f"all of them at {broker.home.name}")

    def _all_known(self, broker: Chat) -> bool:
        who = run(self.home, "who", "--broker", broker.link, "--room", ROOM, "--json", nick="checker", timeout=PATIENCE)
        return {person.name for person in self.persons} <= {
            json.loads(line)["nick"] for line in who.stdout.splitlines()
        }

    def history(self) -> list[Line]:
        """What the room holds, the same at both."""
        at_both = [self.history_at(broker.link) for broker in self.brokers]
        common = min(map(len, at_both))
        assert at_both[0][:common] == at_both[1][:common]
        return max(at_both, key=len)
