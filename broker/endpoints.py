"""Hosts and ports as an operator types them.

Owns their form. Does not resolve names. Pure; any thread.
"""

from __future__ import annotations

from ..common.errors import InputError

LOOPBACK = "127.0.0.1"


def parse_place(text: str, what: str, *, port: int | None = None) -> tuple[str, int]:
    """``[HOST:]PORT``, or with a usual `port` ``HOST[:PORT]``; of IPv6 the host stands in brackets.

    Raises `InputError`, which names the option `what`.
    """
    host, colon, number = text.rpartition(":")
    if port is not None and (not colon or text.endswith("]")):
        host, number = text, str(port)
    elif port is None and not colon:
        host = LOOPBACK
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not host or not number.isascii() or not number.isdigit() or int(number) > 65_535:
        form = "[HOST:]PORT" if port is None else "HOST[:PORT]"
        raise InputError(f"{what} takes {form}, as {LOOPBACK}:9100; an IPv6 address in brackets. Check it.")
    return host, int(number)
