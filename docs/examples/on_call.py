"""On call: ask one after the other privately until somebody answers yes or no, and tell a room who did.

    python on_call.py NICK[,NICK ...] QUESTION [SECONDS]

Ends with 0 for yes, 10 for no, and 1 when nobody answers. Each has SECONDS (300) before the next one is asked.
"""

import sys

from zchat.client import Client
from zchat.common.errors import RefusedError, ZchatError


def ask(client: Client, nick: str, question: str, seconds: float) -> str | None:
    client.tell(nick, f"{question} Answer yes or no within {seconds:g} s.")
    for message in client.messages(timeout=seconds):
        answer = message.text.strip().lower()
        if message.room is None and message.nick == nick and answer in ("yes", "no"):
            return answer
    return None


def main(nicks: str, question: str, seconds: str = "300") -> int:
    with Client(nick="on-call", rooms=[], bot=True) as client:
        for nick in nicks.split(","):
            try:
                answer = ask(client, nick, question, float(seconds))
            except RefusedError as error:
                print(f"on_call: {error}", file=sys.stderr)  # there is no such user: ask the next one
                continue
            if answer is not None:
                client.send(f"{nick} says {answer}: {question}", "incidents")
                return 0 if answer == "yes" else 10
        client.send(f"Nobody answers: {question}", "incidents")
        return 1


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except ZchatError as error:
        sys.exit(f"on_call: {error}")
