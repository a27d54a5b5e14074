"""Echo: a bot that says again what it is told, privately, or in a room after its name: ``echo: hello``.

python echo.py [NICK [ROOM ...]]
"""

import sys

from zchat.client import Client, Message
from zchat.common.errors import ZchatError


def main(nick: str = "echo", *rooms: str) -> None:
    bot = Client(nick=nick, rooms=rooms or ["lobby"], bot=True)

    @bot.on_message
    def answer(message: Message) -> None:
        name, _, text = message.text.partition(":")
        if message.room is None:
            bot.reply(message, message.text)
        elif name == bot.nick and text.strip():
            bot.reply(message, text.strip())

    with bot:
        print(f"{bot.nick} is here. Ctrl-C ends it.", flush=True)
        bot.wait()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
    except ZchatError as error:
        sys.exit(f"echo: {error}")
