"""An object as one line of JSON: what every ``--json`` prints, and what an export holds.

Owns this one form. Pure; any thread.
"""

from __future__ import annotations

import json

# ASCII only: what a terminal or a pipe makes of other characters is then their reader's choice.
_encoder = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"), check_circular=False)


def json_line(value: object) -> str:
    """The object as JSON, in one line."""
    return _encoder.encode(value)
