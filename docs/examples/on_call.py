"""On call: ask one after the other privately until somebody answers yes or no, and tell a room who did.

    python on_call.py NICK[,NICK ...] QUESTION [SECONDS]

People answer with /answer. Ends with 0 for yes, 11 for no, as `zchat ask` does, and 1 when nobody answers. Each has
SECONDS (300) before the next one is asked.
"""

import sys

from zchat.client import Client
from zchat.common.errors import RefusedError, TimedOut, ZchatError


def main(nicks: str, question: str, seconds: str = "300") -> int:
    with Client(nick="on-call", rooms=[], bot=True) as client:
        for nick in nicks.split(","):
            try:
                answer = client.ask(question, ["yes", "no"], to=nick, timeout=float(seconds))
            except TimedOut:
                continue
            except RefusedError as error:
                print(f"on_call: {error}", file=sys.stderr)  # there is no such user: ask the next one
                continue
            client.send(f"{answer.nick} says {answer.choice}: {question}", "incidents")
            return 0 if answer.number == 0 else 10 + answer.number
        client.send(f"Nobody answers: {question}", "incidents")
        return 1


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except ZchatError as error:
        sys.exit(f"on_call: {error}")
