"""Errors in the input of a command: one line on the standard error, and exit status 2."""

from __future__ import annotations

import argparse
import re
from argparse import ArgumentError
from collections.abc import Callable
from typing import Final, Never

from ner_lightning.console import message_console, say

NOISE: Final = (
    "Does not validate",
    "Subtypes:",
    "Errors:",
    "- Expected a <class 'NoneType'>",
    "Given value type:",
    "Given value: Namespace(",  # the message also names the value, or what is wrong with it
    "Given value: NestedArg(",
    "Given value: [Namespace(",
    "Given value: {",
    "Subclass types expect one of:",
    "- a class path (str)",
    "- a dict with",  # followed by the keys it must or may have
)
NO_PART: Final = re.compile(
    r'Parser key "(?:model|data)\.(?P<null>\w+)":\s+Not a valid subclass of \w+\. Got value: None\b'
    r"|the following arguments are required: (?:\w+\.)?data\.(?P<absent>\w+)"
)


class OneLineParser(argparse.ArgumentParser):
    """A parser that raises errors, so that they can be printed as one line, and accepts no abbreviated options.

    Args:
        program: The command as typed, without its options.
        description: The text that ``--help`` shows, with its line breaks.
        usage: The line that lists the options; None to generate it from them.
    """

    def __init__(self, program: str, description: str, usage: str | None = None) -> None:
        layout = argparse.RawDescriptionHelpFormatter
        super().__init__(program, usage, description, formatter_class=layout, allow_abbrev=False)

    def error(self, message: str) -> Never:
        raise ArgumentError(None, message)


def exit_status(program: str, work: Callable[[], int]) -> int:
    """Parse the options of a command and run it; print an error in its input as one line.

    Args:
        program: The command as typed, without its options.
        work: Parses the options, runs the command and returns its exit status.

    Returns:
        The exit status: that of the work, or 2 for invalid input and for files that cannot be read or written.
    """
    try:
        return work()
    except ArgumentError as error:
        return fail_with_help(error, program)
    except (ValueError, OSError) as error:
        return fail(without_noise(str(error)))


def without_noise(message: str) -> str:
    """Return a message of jsonargparse as one line, without the lines that it adds for every optional option."""
    if missing := NO_PART.match(message):
        return f"no {missing['null'] or missing['absent']} is configured; give --config FILE"
    lines = (line.strip() for line in message.split("\n"))
    return " ".join(line.removeprefix("- ") for line in lines if not line.startswith(NOISE))


def fail(message: str) -> int:
    """Print one line about an error in the input, and return the exit status for it."""
    say(message_console(), f"error: {message}")
    return 2


def fail_with_help(error: ArgumentError, program: str) -> int:
    """Print one line about a wrong option and where to find the right ones, and return the exit status for it."""
    return fail(f"{without_noise(str(error))} (see {program} --help)")
