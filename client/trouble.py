"""Why a broker cannot be reached: what a socket's monitor tells, in words that help.

Owns the wording. Pure; any thread. What libzmq reports in which case is in its zmq_socket_monitor(3), and was tried.
"""

from __future__ import annotations

import errno

import zmq

from ..common.errors import BrokerUnreachable, Code, RefusedError, ZchatError

NOT_OURS = "it is not a zchat broker, or has another key"
SILENT = "something there takes the connection but says nothing"


def trouble_of(event: int, value: int = 0) -> str | None:
    """What a monitor event means: None nothing, else a reason ("" when it adds none)."""
    if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
        return "it does not let this key or this address in"
    if event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL and value == errno.EAGAIN:
        return SILENT
    if event in (zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL):
        return NOT_OURS
    if event == zmq.EVENT_CLOSED:
        return "connection refused"
    if event == zmq.EVENT_DISCONNECTED:
        return ""
    return None


def unreachable(place: str, trouble: str) -> ZchatError:
    """The error for a broker that was never reached, from what is known of the reason."""
    if trouble == SILENT:
        return BrokerUnreachable(f"No broker answers at {place} ({SILENT}). Check the port, or restart the broker.")
    if trouble == NOT_OURS:
        return BrokerUnreachable(
            f"{place} answers, but not as the zchat broker with this key."
            " Check the port, and ask for the broker's link again."
        )
    return BrokerUnreachable(
        f"No broker answers at {place} ({trouble or 'no answer'}). Check the address, or start one with: zchat broker."
    )


def shut_out(place: str, fingerprint: str) -> ZchatError:
    """The error for a key or address that the broker's gate refuses."""
    return RefusedError(
        Code.NOT_ALLOWED,
        f"The broker at {place} does not let this key in ({fingerprint}), or this address: it is banned,"
        " or was just kicked. Try again in a minute, or ask its operator: zchat admin unban.",
    )


def crowded(place: str) -> ZchatError:
    """The error for a broker that takes no more connections for a while."""
    return BrokerUnreachable(
        f"The broker at {place} takes no more connections from this address for the moment. Try again in a while."
    )
