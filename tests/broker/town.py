"""Several brokers' cores over one history, without sockets, for the tests beside this module."""

from __future__ import annotations

from zchat.broker.policy import Policy
from zchat.common import messages as m
from zchat.common.clock import Now

from ..simulation.disk import Disk
from ..simulation.failing import FailingHistory
from ..simulation.store import MemoryHistory
from .house import NOW, House, Sent, events


class Town:
    """Brokers that share a history. What one stores the others learn when `pass_on` brings the hints."""

    def __init__(self, brokers: int = 2, policy: Policy | None = None) -> None:
        self.disk = Disk()
        self._policy = policy
        self.houses: list[House] = []
        self.starts = 0
        for _ in range(brokers):
            self.add()
        self.pass_on()

    def add(self) -> House:
        """One more broker starts."""
        self.starts += 1
        history = FailingHistory(MemoryHistory(self.disk, shared=True))
        house = House(self._policy, history, f"w{self.starts}-")  # type: ignore[arg-type]
        house.now = self.houses[0].now if self.houses else NOW
        house.restart()
        self.houses.append(house)
        return house

    def pass_on(self, *, without: House | None = None) -> dict[House, Sent]:
        """Each broker tells who is here and learns what there is; what they send, until nothing more comes of it."""
        sent: dict[House, Sent] = {house: [] for house in self.houses}
        for _ in range(3):
            for house in self.houses:
                if house is not without:
                    sent[house] += house.carry_out(house.core.turn(house.now))
                    sent[house] += house.carry_out(house.core.hinted(house.now))
        return sent

    def advance(self, seconds: int, *, without: House | None = None) -> dict[House, Sent]:
        """Time passes for those who are connected, with a tick of each broker a second but of one that is stopped.

        What the brokers send meanwhile.
        """
        sent: dict[House, Sent] = {house: [] for house in self.houses}
        for _ in range(seconds):
            for house in self.houses:
                house.now = Now(house.now.mono + 1, house.now.wall + 1_000)
                if house is not without:
                    pings = [(identity.decode(), m.Ping()) for identity in house.core._roster.by_identity]
                    sent[house] += [*house.tick(), *house.send(*pings)]
        return sent


def in_the_lobby() -> Town:
    """Two brokers; alice is at the first, bob at the second, both in the lobby."""
    town = Town()
    one, two = town.houses
    one.enter("alice")
    one.join("lobby", "alice")
    two.enter("bob")
    two.join("lobby", "bob")
    town.pass_on()
    return town


def changes(sent: Sent) -> list[tuple[str, str, str]]:
    """Whose presence has changed, how and why, as the lobby was told."""
    return [(told.nick, told.change, told.reason) for told in events(sent, m.Presence)]
