"""The tour and its pictures: all that it shows is there, and is drawn of what stood on a screen."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from . import screenshots

DOCS = Path(__file__).parent.parent / "docs"
SVG = "{http://www.w3.org/2000/svg}"


def texts(drawn: str) -> str:
    """All that is written in a picture."""
    return "\n".join(text.text or "" for text in ElementTree.fromstring(drawn).iter(f"{SVG}text"))


def test_every_picture_of_the_tour_is_there_and_is_shown() -> None:
    """The page shows each picture that the script makes, and no other; each is well-formed and holds text only."""
    shown = re.findall(r"!\[[^]]+\]\(tour/([a-z0-9]+)\.svg\)", (DOCS / "tour.md").read_text())

    assert set(shown) == {file.stem for file in (DOCS / "tour").iterdir()}
    assert {re.sub(r"\d", "", name) for name in shown} == set(screenshots.SCENES)
    for name in shown:
        drawn = (DOCS / "tour" / f"{name}.svg").read_text()
        assert {element.tag for element in ElementTree.fromstring(drawn).iter()} <= {
            f"{SVG}{tag}" for tag in ("svg", "g", "rect", "circle", "text")
        }


@pytest.mark.parametrize("scene", ["lost", "refused"])
def test_a_scene_can_be_played_again(scene: str, tmp_path: Path) -> None:
    """What a picture shows happens again when its scene is played."""
    played = [texts(drawn) for drawn in screenshots.SCENES[scene](tmp_path)]
    kept = [
        texts((DOCS / "tour" / f"{scene}{number if number > 1 else ''}.svg").read_text())
        for number in range(1, len(played) + 1)
    ]

    def varying(text: str) -> str:
        return " ".join(re.sub(r"\d\d:\d\d|127\.0\.0\.1:\d+", "…", text).split())

    assert list(map(varying, played)) == list(map(varying, kept))
