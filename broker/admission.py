"""Which keys and addresses the gate lets through: one unchanging picture of it at a time.

Owns the judgement. Does not know why somebody is banned (`access`) nor how the question came (`gate`). Pure; made by
the broker's thread, read by the gate's: since a picture never changes, neither waits for the other.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from ..common.clock import Now

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_BUCKETS = 256


class Keys:
    """An unchanging set of keys; another one with a key more or less takes little, however many there are."""

    __slots__ = ("_buckets",)

    def __init__(self, buckets: tuple[frozenset[str], ...] = (frozenset(),) * _BUCKETS) -> None:
        self._buckets = buckets

    def __contains__(self, key: object) -> bool:
        return key in self._buckets[hash(key) % _BUCKETS]

    def __len__(self) -> int:
        return sum(map(len, self._buckets))

    def plus(self, key: str) -> Keys:
        """These and one more."""
        return self._with(key, self._buckets[hash(key) % _BUCKETS] | {key})

    def minus(self, key: str) -> Keys:
        """These without one."""
        return self._with(key, self._buckets[hash(key) % _BUCKETS] - {key})

    def _with(self, key: str, bucket: frozenset[str]) -> Keys:
        at = hash(key) % _BUCKETS
        return Keys((*self._buckets[:at], bucket, *self._buckets[at + 1 :]))


@dataclass(frozen=True, slots=True)
class Admission:
    """Who is kept out, and whose clients may listen. Ends are milliseconds; 0: until it is lifted."""

    keys: Mapping[str, int] = field(default_factory=dict)
    """Banned key → until when."""
    networks: tuple[tuple[Network, int], ...] = ()
    """Banned networks and until when."""
    floods: Mapping[str, float] = field(default_factory=dict)
    """Key that was too fast for too long → until when it is locked out, in monotonic seconds."""
    live: Container[str] = frozenset()
    """The keys that have a session."""
    operator: str = ""
    """A key that nothing keeps out, so that a mistake can be undone."""

    def banned(self, key: str, address: str, wall: int) -> bool:
        """Whether this key, or whoever comes from this address, is banned."""
        if key == self.operator:
            return False
        until = self.keys.get(key)
        if until is not None and (until == 0 or until > wall):
            return True
        return bool(self.networks) and any(
            within(address, network) for network, until in self.networks if until == 0 or until > wall
        )

    def locked_out(self, key: str, now: Now) -> bool:
        """Whether this key has to wait."""
        return self.floods.get(key, 0.0) > now.mono

    def may_listen(self, key: str, address: str, now: Now) -> bool:
        """Whether a SUB with this key may be there."""
        return key in self.live and not self.banned(key, address, now.wall) and not self.locked_out(key, now)


def network_of(text: str) -> Network | None:
    """The network, or the one address, that a text names; None when it names none."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    return _plain(network)


def within(address: str, network: Network) -> bool:
    """Whether an address, as libzmq writes it, belongs to a network."""
    own = network_of(address.partition("%")[0])
    return own is not None and own.version == network.version and own.subnet_of(network)  # type: ignore[arg-type]


def _plain(network: Network) -> Network:
    """IPv4 in IPv6 (``::ffff:192.0.2.1``), as a socket for both writes it, is IPv4."""
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - 96), strict=False)
    return network
