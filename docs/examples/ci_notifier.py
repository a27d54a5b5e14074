"""CI notifier: run a command, tell a room how it ended, and end with the command's exit code.

    python ci_notifier.py ROOM COMMAND [ARGUMENT ...]

With CI_JOB_ID in the environment, a job that is run again is told once for each way it ended.
"""

import os
import subprocess
import sys

from zchat.client import Client
from zchat.common.errors import ZchatError


def main(room: str, *command: str) -> int:
    code = subprocess.run(command, check=False).returncode
    job = os.environ.get("CI_JOB_ID", "")
    outcome = "passed" if code == 0 else f"FAILED with exit code {code}"
    text = f"{'✅' if code == 0 else '❌'} {' '.join(command)} {outcome}{f' (job {job})' if job else ''}"
    try:
        # It follows no room and is not shown in `who`: it only sends.
        with Client(nick="ci", rooms=[], private=False, present=False, bot=True) as client:
            client.send(text, room, id=f"ci-{job}-{code}" if job else None)
    except ZchatError as error:
        print(f"ci_notifier: {error}", file=sys.stderr)  # which is no reason for the job to fail
    return code


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("Usage: python ci_notifier.py ROOM COMMAND [ARGUMENT ...]")
    sys.exit(main(*sys.argv[1:]))
