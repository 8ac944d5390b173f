"""Arguments: the numbers on the command lines of the lab's programs, and the message about a port that is taken."""

from __future__ import annotations

import argparse
import errno
import math
import os
import sys
from typing import Final

_PORTS: Final = range(65_536)


def speed(text: str) -> float:
    """Return how many times as fast as real the lab's time passes: a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def port(text: str) -> int:
    """Return a port: 1 to 65535, or 0 for any free one."""
    if not text.isdecimal() or int(text) not in _PORTS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65535, or 0 for any free one")
    return int(text)


def describe_speed(number: float) -> str:
    """Return a speed as part of a sentence."""
    return "as fast as in reality" if number == 1 else f"{number:g} times as fast as in reality"


def explain_taken_port(error: OSError) -> int:
    """Say in one line that a port is taken or may not be used, and return the exit code. Raise any other error."""
    if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
        raise error
    sys.stderr.write(
        f"A port cannot be used: {os.strerror(error.errno)}. Choose others with --dns-port and --page-port.\n"
    )
    return 1
