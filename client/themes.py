"""How what is told looks: colours for dark and light terminals, and none.

Owns the styles by class, and which theme an environment means. Does not know what has which
class (`layout`, `status`). Pure; the input thread.
"""

from __future__ import annotations

from collections.abc import Mapping

from .layout import NICK_COLOURS

# Twelve hues of about the same lightness: contrast of at least 4.5 to 1 on black, and on white.
_DARK = "e88388 e5a05e d7b84b a8cc6e 7fce94 66cfc0 6fc3df 86b5f5 a9a6f7 c79bf2 e592d6 f08fb0"
_LIGHT = "a8282f 8f4a00 755b00 4c6a00 1a7030 00706a 00698a 1f5bb5 4f49c4 7b35b5 9a2a88 a82660"
_ANSI_DARK = "red green yellow blue magenta cyan brightred brightgreen brightyellow brightblue brightmagenta brightcyan"
_ANSI_LIGHT = "red green blue magenta cyan red green blue magenta cyan blue magenta"

_FORMS = {
    "rule": "bold",
    "mention": "bold",
    "private": "bold",
    "me": "italic",
    "status.here": "bold",
    "status.mention": "bold reverse",
    "status.unread": "bold",
    "status.trouble": "reverse",
    "refused": "bold",
    "prompt": "bold",
    "candidate": "reverse",
    "mark": "bold underline",
}


def rules(theme: str, depth: int) -> dict[str, str]:
    """The style of each class."""
    styles = dict(_FORMS)
    styles |= {f"nick.c{number}": "bold" for number in range(NICK_COLOURS)}
    if theme == "mono" or not depth:
        return styles
    dark = theme == "dark"
    if depth == 16:
        names = [f"ansi{name}" for name in (_ANSI_DARK if dark else _ANSI_LIGHT).split()]
        grey, red, mention, private, green = "ansibrightblack", "ansired", "ansired", "ansimagenta", "ansigreen"
    else:
        names = [f"#{colour}" for colour in (_DARK if dark else _LIGHT).split()]
        grey, red, mention, private, green = (
            ("#8a8a8a", "#ff6b6b", "#ffb454", "#d7a1ff", "#7fce94")
            if dark
            else ("#6c6c6c", "#b00020", "#9a4a00", "#7b35b5", "#1a7030")
        )
    coloured = {f"nick.c{number}": name for number, name in enumerate(names)}
    coloured |= dict.fromkeys(("again", "time", "event", "notice", "waiting", "hint", "status", "status.quiet"), grey)
    coloured |= {"rule": grey, "refused": red, "status.trouble": red, "mention": mention, "private": private}
    coloured |= {"status.mention": mention, "prompt": green}
    return {name: f"{coloured.get(name, '')} {styles.get(name, '')}".strip() for name in {**styles, **coloured}}


def theme_of(environ: Mapping[str, str]) -> str:
    """The theme for a terminal that may tell its colours, as rxvt, Konsole and others do; dark if it does not."""
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    return "light" if background in ("7", "15") else "dark"
