"""A client in forty lines, made from docs/protocol.md alone: nothing of zchat is imported.

It says the lines of its input in a room, and prints what is said there, in order and once, until all of its own has
come back: then it is on the broker's disk. What PUB brings is only a bell: what is said is read by `replay`.

    python forty_lines.py zchat://HOST:PORT/KEY NICK ROOM <lines
"""

import base64
import sys
import uuid
from typing import Any

import msgspec
import zmq
from zmq.utils import z85

link, nick, room = sys.argv[1:]
place, key = link.removeprefix("zchat://").partition("?")[0].split("/")
# The broker's key, and ours: a real client keeps them, since the nick belongs to them.
keys, poller, cursor = (z85.encode(base64.b32decode(key.upper() + "====")), *zmq.curve_keypair()), zmq.Poller(), 0
# By ids that are not spelt as UUIDs are: so they come back as they are, not in 16 bytes.
unsaid = {uuid.uuid4().hex: line.rstrip("\n") for line in sys.stdin}


def connect(kind: int, endpoint: str) -> Any:
    socket: Any = zmq.Context.instance().socket(kind)
    socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = keys
    socket.connect(endpoint)
    poller.register(socket, zmq.POLLIN)
    return socket


def send(kind: str, **fields: object) -> None:
    dealer.send(b"\x01" + msgspec.msgpack.encode({"type": kind, **fields}))


dealer = connect(zmq.DEALER, f"tcp://{place}")
send("hello", nick=nick, instance=uuid.uuid4().hex)
while unsaid:
    if not (ready := poller.poll(3_000)):  # quiet: was the bell lost?
        send("ping", seen={room: cursor})
    for socket, _ in ready:  # PUB puts the topic in front, and both the version
        said = msgspec.msgpack.decode(socket.recv_multipart()[-1][1:])
        for event in said if isinstance(said, list) else [said]:
            match event:
                case {"type": "welcome", "pub": port}:
                    sub = connect(zmq.SUB, f"tcp://{place.rpartition(':')[0]}:{port}")
                    send("join", room=room, last=10)
                case {"type": "entered", "room": room, "after": cursor}:  # from here on the room's id
                    sub.subscribe(room.encode() + b"\0")
                    for id_, text in unsaid.items():
                        send("say", id=id_, room=room, text=text)
                case {"type": "entries" | "acked"} | {"type": "pong", "heads": _}:
                    send("replay", room=room, after=cursor)
                # What is shown is what a stranger typed: `repr` leaves nothing in it that a terminal would obey.
                case {"type": "page", "batch": {"seq": first, "texts": texts, "authors": authors} as batch}:
                    seqs = batch.get("seqs") or range(first, first + len(texts))
                    rows = zip(seqs, batch.get("by") or [0] * len(seqs), texts, strict=True)
                    sys.stdout.writelines(f"{authors[by][0]}: {text!r}\n" for seq, by, text in rows if seq > cursor)
                    cursor = max(cursor, seqs[-1])
                    unsaid = {id_: text for id_, text in unsaid.items() if id_ not in set(batch["ids"])}
                case {"type": "refused", "code": code, "detail": detail}:
                    sys.exit(f"{code}: {detail}")
send("goodbye")
zmq.Context.instance().destroy(linger=1_000)
