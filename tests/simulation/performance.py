"""How a script is played in a world: each event befalls whom it is about; then all that was broken heals."""

from __future__ import annotations

from collections.abc import Callable

from zchat.client.chat import Chat, ChatOptions
from zchat.client.core import ClientCore
from zchat.client.programs import Quiet
from zchat.client.rooms import UNREAD
from zchat.client.sending import Sender
from zchat.client.session import Profile
from zchat.client.tailing import Tailer
from zchat.common import limits, messages as m

from .network import START
from .party import Party
from .script import PRIVATE, Event, Script
from .store import MemoryHistory
from .ways import Weather
from .world import World


class Performance:
    """One script as it is played in a world."""

    def __init__(
        self, script: Script, history: MemoryHistory | None = None, world: Callable[..., World] = World
    ) -> None:
        self.script = script
        self.world = world(
            policy=script.policy,
            orderly=script.orderly,
            pause=script.pause,
            queue=script.queue,
            disk_seconds=script.disk_seconds,
            history=history,
        )
        self.roles = {role.slot: role for role in script.roles}
        self._lines: dict[str, list[m.Say]] = {}
        """Of each pipe, all that was to be sent."""
        self._away = 0
        """How many are to be started again."""

    def play(self) -> World:
        """All events, then the healing."""
        for event in self.script.events:
            self.world.advance(START + event.at)
            self.world.salt = event.salt
            self.world.steps += 1
            self._perform(event)
        self._heal()
        return self.world

    def _perform(self, event: Event) -> None:
        world, numbers = self.world, event.numbers
        if event.what == "arrive":
            return self._arrive(event.who, event.salt)
        if event.what == "partition":
            return self._partition(event)
        if not event.who:
            return self._trouble(event)
        party = world.slots.get(event.who)
        if party is None or not party.alive:
            return None
        match event.what:
            case "cut":
                party.lost("the network failed")
            case "deafen" | "deafen quietly":
                party.topics.clear()
                party.sub += 1
                if event.what == "deafen" and not party.stalled:
                    party.carry_out(party.core.deafened(world.now))
            case "stall":
                party.stalled = True
                world.later(numbers[0], party.wake)
            case "kill":
                party.die()
                self._return(event, numbers[0])
            case "quit":
                if self.roles[event.who].program == "chat":
                    party.type("/quit bye")
                else:
                    party.die()
                self._return(event, numbers[0] + 3.0)
            case _:
                self._speak(event, party)

    def _return(self, event: Event, seconds: float) -> None:
        self._away += 1
        self.world.later(seconds, lambda: self._come_back(event.who, event.salt))

    def _speak(self, event: Event, party: Party) -> None:
        words, id_ = event.words, f"{event.who}.{event.salt:x}.{event.at}"
        match event.what:
            case "say" if words[0] in PRIVATE and not self._is_private(party, words[0]):
                pass  # whoever says it there makes a public room, and knows that
            case "say":
                party.put(m.Say(id=id_, room=words[0], text=words[1]))
            case "ask":
                party.put(m.Say(id=id_, room=words[0], text=words[1], kind="ask", choices=["yes", "no"]))
            case "tell":
                party.put(m.Say(id=id_, to=words[0], text=words[1]))
            case "act":
                kind, room, nick = words
                party.put(m.Say(id=id_, room=room, to=nick, text="", kind=kind, seconds=event.numbers[0]))  # type: ignore[arg-type]
            case "lines":
                for number in range(int(event.numbers[0])):
                    say = m.Say(id=f"{id_}.{number}", room=self.roles[event.who].rooms[0], text=f"{words[0]}.{number}")
                    if party.alive and not party.stalled and party.program.wants_input:
                        self._lines.setdefault(event.who, []).append(say)
                        party.put(say)
            case "delete":
                own = [
                    entry.seq
                    for segment in party.segments
                    if segment.room == words[0]
                    for entry in segment.shown
                    if entry.key == party.key and entry.kind in ("message", "me")
                ]
                if own:
                    about = own[-1 - int(event.numbers[0]) % len(own)]
                    party.put(m.Say(id=id_, room=words[0], text="", kind="delete", about=about))
            case "join" if words[0] in PRIVATE:
                party.type(f"/join {words[0]} --private")
            case "join" | "part":
                party.type(f"/{event.what} {words[0]}")
            case "rename":
                party.type(f"/nick {words[0]}")
            case "type" | "answer":
                party.type(words[0])

    @staticmethod
    def _is_private(party: Party, room: str) -> bool:
        view = party.core.rooms.get(room)
        return view is not None and view.private and view.entered

    def _arrive(self, slot: str, salt: int) -> None:
        """A program is started, again if it ran before."""
        world, role = self.world, self.roles[slot]
        before = world.slots.get(slot)
        if before is not None and before.alive:
            return
        nick = world.nicks.get(role.key, role.nick)
        start = self.script.starts[slot]

        def program(core: ClientCore) -> Quiet:
            if role.program == "send":
                return Sender(core, room=role.rooms[0], to=None, text=None)
            if role.program == "tail":
                return Tailer(core, rooms=role.rooms, start=start, follow=True, json=True)
            return Chat(core, ChatOptions(role.rooms, start, json=True))

        chats = role.program == "chat"
        number = len(world.parties)
        profile = Profile(nick, f"{slot}-{salt:x}-{number}", "simulated", chats, UNREAD if chats else None)
        party = Party(world, number, slot, role.key, profile, program, salt)
        world.parties.append(party)
        world.slots[slot] = party
        if before is not None:
            party.blocked = before.blocked
            world.count("restarts of a client")
        party.carry_out([*party.program.start(world.now), *party.core.start(world.now)])
        acked = {say.id for other in world.parties if other.slot == slot for say, _ in other.acked}
        refused = {say.id for other in world.parties if other.slot == slot for say, _ in other.refused}
        for say in self._lines.get(slot, []):
            # Whoever restarts a pipe sends again what is not known to be stored.
            if say.id not in acked and say.id not in refused:
                party.put(say)
        party.turn()

    def _partition(self, event: Event) -> None:
        world = self.world
        slots = event.who.split()
        world.block(
            [party for slot in slots if (party := world.slots.get(slot)) is not None],
            event.words[0] != "in",
            event.words[0] != "out",
        )
        world.count("partitions")

        def end() -> None:
            for slot in slots:
                if slot in world.slots:
                    world.slots[slot].world.unblock(world.slots[slot])

        world.later(event.numbers[0], end)

    def _trouble(self, event: Event) -> None:
        stations = self.world.stations
        world, numbers = stations[event.salt % len(stations)], event.numbers
        history = world.history
        match event.what:
            case "pause":
                world.pause_for(numbers[0])
            case "storm":
                way = int(numbers[0])
                world.weather[way], world.calm[way] = Weather(*numbers[1:5]), False
                world.later(numbers[5], lambda: world.calm.__setitem__(way, True))
            case "crash" | "close":
                (world.crash if event.what == "crash" else world.close_broker)()
                world.later(numbers[0], world.start_broker)
            case "crash at commit":
                history.crash_at = event.words[0]
                # Whether it has crashed or not: where it has, it comes back.
                world.later(numbers[0], lambda: (setattr(history, "crash_at", ""), world.start_broker())[1])
            case "disk full":
                history.full = True
                world.later(numbers[0], lambda: setattr(history, "full", False))
            case "disk unreadable":
                history.unreadable = True
                world.later(numbers[0], lambda: setattr(history, "unreadable", False))
            case "forget":
                self._forget(event)
            case "vacuum":
                world.order("vacuum")
            case "commits fail":
                history.failing = int(numbers[0])

    def _forget(self, event: Event) -> None:
        """Somebody's words are erased; they come back as if nothing had been."""
        world, (key,) = self.world, event.words
        slots = [role.slot for role in self.roles.values() if role.key == key and role.slot in world.slots]
        nick = next(role.nick for role in self.roles.values() if role.key == key)
        world.order("forget", world.nicks.get(key, nick))
        for slot in slots:
            self._away += 1
            world.later(4.0, lambda slot=slot: self._come_back(slot, event.salt))

    def _come_back(self, slot: str, salt: int) -> None:
        self._away -= 1
        self._arrive(slot, salt)

    # --- the healing ------------------------------------------------------------------------------------------
    def _heal(self) -> None:
        """From now on nothing is lost; time passes until everybody is at rest, or has had time enough."""
        world = self.world
        world.calm = [True, True, True]
        for station in world.stations:
            station.history.mend()
            station.start_broker()
            station.pause_for(0.0)
        for party in world.parties:
            party.world.unblock(party)
            party.wake()
        world.salt = 0
        # What a broker believes that was stopped, and that somebody has left for another one, it believes for a while.
        last = limits.SESSION_SILENCE + limits.LEASE if len(world.stations) > 1 else 0.0
        for _ in range(_ROUNDS):
            world.advance(world.now.mono + 6.0)
            world.calm = [True, True, True]
            if self.at_rest():
                # Once more: the last marks of what was read are told by a ping, should one have been lost by the next,
                # and stored a second later.
                world.advance(world.now.mono + limits.PING_IDLE + 6.0 + last)
                if self.at_rest():
                    return

    def at_rest(self) -> bool:
        """Whether nobody waits for anything any more."""
        if self._away or self.world.forgets:
            return False
        heads = self.world.history.heads()
        for party in self.world.parties:
            if not party.alive:
                continue
            core = party.core
            if not core.live or core.waiting or core.asking:
                return False
            for room, view in core.rooms.items():
                if not view.entered or view.asked or (view.cursor or 0) < max(view.head, heads.get(room, 0)):
                    return False
        return True


_ROUNDS = 40
