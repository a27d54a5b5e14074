"""``zchat doctor``: looks from this machine at everything that stands between its user and a broker.

Owns the order of the checks, and those of this machine and of plain TCP. Does not know what is normal once the broker
has let us in (`checkup`). Used by the main thread, which is the receive thread too.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import zmq

from ..common import config, paths
from ..common.errors import BrokerUnreachable, Code, InputError, RefusedError, ZchatError
from ..common.keys import KeyPair, Link, fingerprint, join_place, to_base32
from . import account, settings
from .checkup import Checkup, Finding, Tell, failed
from .core import ClientCore
from .run import run

T = TypeVar("T")

PATIENCE = 3.0
"""Seconds that a port has to take a connection."""


class Unwell(ZchatError):
    """Some check failed; ends as the first one would have ended any command."""

    def __init__(self, findings: list[Finding]) -> None:
        first, *others = [finding for finding in findings if finding.error is not None]
        error = first.error
        assert error is not None
        names = ", ".join(finding.check for finding in (first, *others))
        which = "the first of them" if others else "it"
        super().__init__(f"Not all is well: {names}. Mend {which} as told above, then ask again.")
        self.exit_code, self.code = error.exit_code, error.code


class Examination:
    """One look at everything; `show` gets each finding as it is made."""

    def __init__(self, show: Tell) -> None:
        self._show = show
        self.findings: list[Finding] = []

    def tell(self, finding: Finding) -> None:
        """Keep a finding, and show it."""
        self.findings.append(finding)
        self._show(finding)

    def examine(self, find: Callable[[], Link], nick: Callable[[Link], str], timeout: float | None) -> None:
        """Go on as far as each check leads to the next; raises `Unwell`."""
        self._machine()
        link = self._try("broker", find)
        if link is not None:
            self._tell_broker(link)
            usable = not any(finding.error for finding in self.findings if finding.check in ("data", "state", "keys"))
            reached = self._network(link)
            if reached is not None and usable:  # else there is no key to come in with
                self._broker(reached, nick, timeout)
        if any(finding.error is not None for finding in self.findings):
            raise Unwell(self.findings)

    # --- this machine -----------------------------------------------------------------------------------------
    def _machine(self) -> None:
        file = config.usual_file()
        if self._try("config", settings.read) is not None:
            self.tell(Finding("config", "ok", f"{file} is sound" if file.exists() else f"there is no {file}"))
        for word, folder in (("data", paths.data()), ("state", paths.state())):
            self.tell(look_at_folder(word, folder))
        keys = self._try("keys", lambda: sorted((paths.data() / "keys").glob("*.key")))
        if keys and self._try("keys", lambda: [KeyPair.load(path) for path in keys]) is not None:
            self.tell(look_at_keys(keys))

    def _try(self, check: str, call: Callable[[], T]) -> T | None:
        """What a call returns; what goes wrong is a finding."""
        try:
            return call()
        except ZchatError as error:
            self.tell(failed(check, error))
        except OSError as error:
            self.tell(failed(check, InputError(f"{error.filename} cannot be read ({error.strerror}). Check it.")))
        return None

    def _tell_broker(self, link: Link) -> None:
        """Which one is meant, and whether its key is known."""
        key = to_base32(link.key)
        pinned = any(broker.key == key and link.place in broker.places for broker in account.known_brokers())
        known = "known here" if pinned else "new here"
        self.tell(Finding("broker", "ok", f"{link.place}, key {fingerprint(link.key)}, {known}"))

    # --- the network ------------------------------------------------------------------------------------------
    def _network(self, link: Link) -> Link | None:
        """The link to the first of its brokers that takes connections."""
        reached = None
        for place in link.places:
            there = link.at(place)
            if self._reach(there) and reached is None:
                reached = there
        return reached

    def _reach(self, link: Link) -> bool:
        try:
            found = socket.getaddrinfo(link.host, link.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            detail = f"{link.host} is no name of a machine here ({reason}). Check its spelling, or use its address."
            self.tell(failed("name", BrokerUnreachable(detail)))
            return False
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        what = "an address" if link.host in addresses else ", ".join(addresses[:3])
        self.tell(Finding("name", "ok", f"{link.host} is {what}"))
        reason = knock(link.host, link.port)
        if reason:
            self.tell(failed("port", BrokerUnreachable(_closed(join_place(link.host, link.port), reason))))
            return False
        self.tell(Finding("port", "ok", f"{link.place} takes connections"))
        return True

    def _broker(self, link: Link, nick: Callable[[Link], str], timeout: float | None) -> None:
        """Come in as any client does, and look around."""
        ours, libzmq = version("zeromq-chat"), zmq.zmq_version()
        deaf: list[int] = []

        def program(core: ClientCore) -> Checkup:
            return Checkup(core, self.tell, deaf.append, version=ours, libzmq=libzmq, timeout=timeout)

        try:
            run(link, nick(link), program)
        except ZchatError as error:
            self.tell(failed(_stage(error), error))
        for port in deaf:
            self.tell(failed("pub", BrokerUnreachable(_deaf(link.host, port, knock(link.host, port)))))


def _stage(error: ZchatError) -> str:
    """Which check it is that an error ends."""
    if not isinstance(error, RefusedError):
        return "handshake"
    return "versions" if error.code == Code.BAD_VERSION else "access"


def knock(host: str, port: int) -> str:
    """Why a port takes no connection; "" when it does."""
    try:
        with socket.create_connection((host, port), PATIENCE):
            return ""
    except TimeoutError:
        return "no answer"
    except OSError as error:
        return (error.strerror or str(error)).lower()


def _closed(place: str, reason: str) -> str:
    if reason == "connection refused":
        return (
            f"Nothing takes connections at {place} ({reason}). Start a broker there (zchat broker), or check the port."
        )
    return f"{place} cannot be reached ({reason}). Check the address, the network, and the firewall of that machine."


def _deaf(host: str, port: int, reason: str) -> str:
    place, late = join_place(host, port), "What is said comes seconds late."
    if reason:
        return f"The broker's second port, {place}, cannot be reached ({reason}). {late} Let TCP port {port} through."
    return (
        f"The broker's second port, {place}, takes connections, but nothing is heard there. {late}"
        f" Whatever forwards ports to the broker must forward {port} to it, too."
    )


def look_at_folder(check: str, folder: Path) -> Finding:
    """Whether a folder can be used, or made, and is its owner's alone."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        detail = f"Nothing can be written to {folder}. Give yourself the right to: chown or chmod {there}."
        return failed(check, ZchatError(detail))
    mode = stat.S_IMODE(folder.stat().st_mode) if there == folder else 0
    if os.name == "posix" and mode & 0o077:
        return Finding(check, "warn", f"Others on this machine may look into {folder} ({mode:o}): chmod 700 {folder}")
    return Finding(check, "ok", f"{folder} {'can be written' if there == folder else 'can be made'}")


def look_at_keys(keys: list[Path]) -> Finding:
    """Whether key files are their owner's alone."""
    loose = [path for path in keys if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if os.name == "posix" and loose:
        detail = f"Others on this machine may read {len(loose)} of your keys: chmod 600 {loose[0].parent}/*.key"
        return Finding("keys", "warn", detail)
    return Finding("keys", "ok", f"{len(keys)} {'key is' if len(keys) == 1 else 'keys are'} sound, and yours alone")
