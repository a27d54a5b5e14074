"""Every limit, timeout and queue length, each in one place with its reason.

Owns numbers only. Pure; any thread. Sizes are in bytes unless the name says otherwise, times in seconds.
"""

from __future__ import annotations

# --- text -----------------------------------------------------------------------------------------------------
MESSAGE_BYTES = 16_384
"""One message in UTF-8: room for a pasted log or diff, small enough that a frame stays far below 64 kB."""
MESSAGE_LINES = 400
"""Lines in one message: a pasted block is one message, a book is not."""
TOPIC_CHARACTERS = 390
"""What IRC servers allow; one or two terminal lines."""
REASON_CHARACTERS = 390
"""The words of a farewell; as a topic."""
NICK_CHARACTERS = 24
ROOM_CHARACTERS = 64
NAME_CHARACTERS = 64
"""A broker's name; it is sent with every welcome."""
CHOICES = 20
"""Choices of one question: each has an exit code."""
CHOICE_CHARACTERS = 64
"""One choice: it is typed, or stands on a button."""
SEARCH_CHARACTERS = 256
"""What is searched for, as it is typed."""
ID_CHARACTERS = 64
"""A message id: 36 for a UUID, more for ids that scripts choose with ``--id``."""

# --- frames ---------------------------------------------------------------------------------------------------
FRAME_BYTES = 65_536
"""What one packed frame of entries aims to stay under; a page of a replay is one such frame."""
ROUTER_FRAME_BYTES = 40_960
"""MAXMSGSIZE of the ROUTER: the largest legal commands are a message of MESSAGE_BYTES and a ping of PING_ROOMS."""
SUBSCRIPTIONS = 2_048
"""Subscriptions and their ends that one SUB connection may send in its life, eight times USER_ROOMS. A
client that needs more is cut and opens a new one."""
PUB_FRAME_BYTES = 512
"""MAXMSGSIZE of what reaches the PUB socket: handshakes, and subscriptions of at most a room's name of 64 characters
(257 bytes with its NUL, some 40 more when encrypted). Each subscription costs the broker a multiple of its length."""
PACK_MESSAGES = 256
"""Messages in one frame: whoever decodes it holds all of them at once, and who says one line waits for a frame of each
who says much."""
PACK_BYTES = 32_768
"""What a frame of many commands aims to stay under: far below ROUTER_FRAME_BYTES, which counts encryption, too."""
PACK_WEIGHTY = 16
"""Commands of one frame that may cost more than a message or are stored by themselves; nobody else is heard then."""
CLIENT_FRAME_BYTES = 524_288
"""MAXMSGSIZE of a client: about the longest acks of FRAME_ACKS, and twice the longest welcome and pong."""
FRAME_ENTRIES = 16_384
"""Entries and acks that a client takes in one frame, in which a few bytes may stand for each: a broker puts some
thousand into one at most. Each takes some 300 bytes of memory."""
FRAME_ACKS = 256
"""Acks that are told at once: with a long room and a word for being away each takes up to 1.8 kB."""

# --- queues ---------------------------------------------------------------------------------------------------
ROUTER_QUEUE = 320
"""Frames held for one client (SNDHWM), beside what the network holds: the answers to a return into USER_ROOMS rooms at
once. One that stops reading costs the broker at most this, 20 MB of pages."""
PUB_QUEUE = 1_000
"""Frames held for one subscriber. Frames are packed (FRAME_BYTES), so a fast reader never gets near it."""
CLIENT_QUEUE = 10_000
"""Frames a client holds that have not left; its own memory, so wide."""
CLIENT_INBOX = 1_000
"""Frames a client holds that it has not read, of each socket; what it does not take waits in the network and at the
broker, and is sent again if it is lost there. Of CLIENT_FRAME_BYTES each, a hostile broker could fill gigabytes."""
PUB_RECEIVE_BYTES = 32_768
"""What the network holds of what one client sends to PUB (SO_RCVBUF): all of it is read even when the client is cut."""
DRAIN = 2_000
"""Commands the broker takes from ROUTER between two looks at everything else."""
BATCH, BATCH_LEAST = 4_000, 64
"""Changes and questions that wait for the one commit under way, at most and at least: with more, the network waits."""
STILL_SECONDS = 0.5
"""How long a batch may be under way until the broker hears what else comes, to answer pings: far below HUSH."""
ASIDE_FRAMES = 4_000
"""Frames that are then kept aside until they can be judged; with more, the network waits."""
BATCH_SECONDS = 0.003
"""Between these two as many as are stored in that time: who says little waits for two batches of who says much."""
WINDOW = 2_000
"""Messages a client sends ahead of their acks; enough to hide the round trip, small enough to resend."""
STASH = 2_000
"""Entries a client holds while a gap before them is fetched; past it they are dropped and fetched too."""
PAGE_ENTRIES = 500
"""Entries in one page of a replay, fewer when FRAME_BYTES is reached first."""
PING_ROOMS = 100
"""Rooms in one ping; who has seen more in more rooms tells the rest with the next."""
PONG_ROOMS = 1_000
"""Rooms of which a pong tells the heads."""
PRIVATE_ROOMS = 1_000
"""Private rooms that a welcome lists, those with unread messages first; of the others the client hears in time."""
USER_ROOMS = 256
"""Rooms one session may follow: bounds what one client can make the broker hold."""

OWNED_ROOMS = 256
"""Rooms one key may have made: bounds what the broker keeps for ever."""
ROOMS = 1_000_000
"""Rooms of a chat, those of two people's private messages counted; each takes about 1 kB of the broker's memory."""
ROOMS_HIGHEST = 8_000_000
"""A SQLite history can hold 2^23; the difference is for what is judged before what was judged before it is stored."""
KEPT_NICKS = 4
"""Former nicks that are kept for one key at a time, so that nobody collects them."""
RULINGS = 500
"""Rulings that one answer to an operator's ``list`` tells."""
SESSIONS = 128
"""Sessions of one key at a time: many screens and programs, but not a flood of them."""
SPARE_EARS = 8
"""SUB connections that a key may have beyond two for each session: a new one is opened before the old one has ended."""
TOPIC_BYTES = 262_144
"""Bytes of all topics that the SUB connections of one key have subscribed to; libzmq takes some 40 for each."""
OPEN_QUESTIONS = 64
"""Questions of one key that wait for their turn; a client asks one a room, and again after REQUEST_AFTER."""
TRIM_ROOMS = 20
"""Rooms looked at a second for entries that are too old."""
MARKS = 500
"""Read marks that are stored a second: they may be late, a crash only shows something as unread again."""
LISTED_USERS = 1_000
"""Users of whom one turn tells in the answer to `who`: some 8 ms."""
TURN_QUESTIONS = 8
"""Questions answered between two looks at the network: a page takes about a millisecond."""

SEARCH_WORDS = 8
"""Words that one search looks for, those of phrases too: each is one more list to be gone through."""
SEARCH_ROOMS = 64
"""Private rooms that one search in all rooms looks through, of those in which its author may not read everything: each
is a search of its own. Who is in more finds the rest by naming the room."""
SEARCH_SECONDS = 0.05
"""What one search may take of the broker's time, in which nobody else is heard."""
INDEX_ENTRIES = 2_000
"""Entries that are made findable at once: some 25 ms."""
INDEX_BYTES = 262_144
"""And no more text than this, of what is made findable or removed at once: some 40 ms where no word comes twice."""
INDEX_BUSY = 1_000
"""Entries a second from which on making them findable is left for later: a search does it first, if there is one."""
INDEX_BACKLOG = 20_000
"""Entries that may wait for that."""
SCRUB_PAGES = 50
"""Pages of the index that are rewritten at once until nothing of what was deleted stands in it."""

# --- rates ----------------------------------------------------------------------------------------------------
BURST = 100_000
"""What one key may do at once, in messages of up to 1 kB (`broker.rates` has the cost of the rest): a log piped in."""
RATE = 5_000
"""What one key may do a second on and on; most programs never reach it, and a disk keeps up with several of them."""
ROOM_BURST = 256
"""Rooms that one key may make at once."""
ROOM_RATE = 0.1
"""Rooms a second that one key may make on and on."""
CONNECTION_BURST = 600
"""Connections of keys without a session that one address (of IPv6, one /64) may open at once: an office of 300 that
comes back after a restart, should each of them try twice. Loopback is exempt, and who has a session."""
CONNECTION_RATE = 10.0
"""Connections a second that one address may open on and on."""
STRIKES = 20_000
"""Refusals for being too fast, and frames that are no commands, after which a key is shut out for LOCKOUT. A client
that keeps WINDOW messages on the way gets far fewer, since it waits as long as it is told."""
STRIKE_BYTES = 1_024
"""A refused frame counts as one strike more for so many bytes."""
PILE, PILES = 67_108_864, 134_217_728
"""Bytes of one key, and of all, that may have come and wait to be read: libzmq would hold any number. A WINDOW of the
longest messages is half of the first. Who has more, or the most where all have too many, is shut out for LOCKOUT."""
STRIKE_RATE = 5_000
"""Strikes forgiven a second."""

# --- time -----------------------------------------------------------------------------------------------------
TOO_FAST_RETRY = 1.0
"""How long who was too fast is asked to wait: time to earn more than a WINDOW."""
NOT_STORED_RETRY = 1.0
"""How long a client waits before it sends again what could not be stored."""
CLOSING_RETRY = 0.5
"""When a broker that goes down asks clients to come back: they spread over as much again, and one that is started anew
is there by then."""
CLOSING_SECONDS = 1.0
"""How long a broker that is told to stop goes on storing what has been sent to it; twice that and its last words
(`LINGER`) are far less than 5 s."""
CLOSING_QUIET = 0.05
"""What was sent before has come when nothing more comes for so long: libzmq's thread has still to read it."""
CLOSING_PATIENCE = 8.0
"""A broker that has not ended so long after it was told to waits for a disk that does not answer, and is given up:
before supervisors kill it without a word, after 10 s."""
LINGER = 0.3
"""How long what a socket still holds is offered to the network when it is closed."""
RETRY_CAP = 60.0
"""The longest that a client lets a broker put it off."""
LOCKOUT = 30.0
"""How long a key that floods is shut out."""
LOCKOUT_ROWS = 256
"""Lock-outs of which several brokers tell each other at a time."""
HELLO_PATIENCE = 10.0
"""A connection that has not said hello by then is cut."""
KICK_SECONDS = 60.0
"""How long somebody who was kicked from a public room or from the broker stays out."""
IDS_KEPT = 7 * 86_400.0
"""How long the id of a removed message is remembered, so that a repeat of it is known."""
NICK_KEPT = 7 * 86_400.0
"""How long a nick still means who gave it up, before another may claim it: longer than messages are sent again."""
DRAIN_SECONDS = 0.001
"""How long the broker takes commands between two looks at everything else: who floods delays the others by little."""
PING_INTERVAL = 3.0
"""Between pings that tell what was seen."""
PING_IDLE = 10.0
"""Between pings when there is nothing to tell: a thousand people who are quiet cost the broker next to nothing."""
PING_OVERDUE = PING_IDLE + PING_INTERVAL
"""A session that has not pinged for so long is as far behind as it said last, and by all that came since."""
PING_SOON = (0.1, 0.5)
"""Pings after subscribing: SUB and DEALER are unordered to each other, so ask again once it has settled."""
SILENCE = 8.0
"""A broker that answered no ping for this long is taken for dead, though its connection stands."""
BEACON_INTERVAL = 2.0
"""The broker's sign of life on PUB; with it comes where the rooms stand in which something was said."""
HEADS_BEACONS = 2
"""With so many beacons after what was said: a lost last message heals within 5 s."""
HUSH = BEACON_INTERVAL + 0.6
"""When nothing at all was heard for this long, the broker is asked for a sign of life."""
DEAF = 3.6
"""When nothing came for this long, not even an answer to that, it is gone: a silent cut is noticed within 4 s."""
BEACON_SILENCE = 7.0
"""No beacon for this long while DEALER works: SUB is opened anew."""
STANDSTILL = 3.0
"""A broker that has not looked at the clock for so long was stopped itself: that is nobody else's silence."""
SESSION_EXPIRY = 15.0
"""A session without a connection for this long has left; its instance returning sooner makes no notice."""
PACE_SESSIONS = 1_000
"""For each such number of sessions more, signs of life come so much more rarely: their pauses are multiplied."""
SESSION_SILENCE = 3 * PING_IDLE
"""One whose connection stands, but that says nothing for this long, has left too."""
CONNECT_PATIENCE = 4.0
"""How long a command tries to reach its broker for the first time; with its start that is less than 5 s."""
ANSWER_PATIENCE = 10.0
"""How long a command that puts one question waits for the answer of a broker that is there."""
ACK_PATIENCE = 10.0
"""How long one-shot ``send`` waits for its ack."""
RESEND_AFTER = 5.0
"""A message without an ack is sent again; its id makes that safe."""
REQUEST_AFTER = 3.0
"""A question (replay, join) without an answer is asked again."""
BACKOFF_FIRST = 0.1
BACKOFF_CAP = 5.0
"""Reconnecting: first try soon, then doubling with jitter."""
GONE_TOLD = 5.0
"""A pipe whose broker has been gone for so long says so: a restart takes less."""
HANDSHAKE = 1.5
"""ZMTP handshake on the client: every refusal is said within 5 s."""
BROKER_HANDSHAKE = 3.0
"""ZMTP handshake on the broker: silent connections are dropped after this."""
UNCONFIRMED = 20.0
"""A connection of the broker ends when the other end has not confirmed for so long what was sent."""

# --- several brokers ------------------------------------------------------------------------------------------
NEWS_INTERVAL = 1.0
"""How often a broker looks what others have stored when no hint makes it look before."""
NEWS_OVERDUE = 5.0
"""A look that has not come back for so long is not waited for."""
LEASE_RENEWAL = 3.0
"""How often a broker shows that it lives."""
LEASE = 15.0
"""A broker that has not for so long is gone, and who was at it has left: as SESSION_EXPIRY, in which its clients come
to another one."""
PRESENCE_ROWS = 200
"""Sessions of which a broker tells the others at once."""
HIDDEN_SECONDS = 3.0
"""After so long they are told of a session that nobody sees, too, so that all of a key's are counted: not of `send`."""
IDLE_TOLD = 20.0
"""By how much less idle somebody has to be for the others to be told."""
