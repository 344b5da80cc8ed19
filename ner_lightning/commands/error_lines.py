"""The one line that a command says of wrong input."""

from __future__ import annotations

import argparse
import re
from typing import Never

from ner_lightning.console import message_console, say

NOISE = (
    "Does not validate",
    "Subtypes:",
    "Errors:",
    "- Expected a <class 'NoneType'>",
    "Given value type:",
    "Given value: Namespace(",  # the value is named, or what is wrong with it
    "Given value: NestedArg(",
    "Given value: [Namespace(",
    "Given value: {",
    "Subclass types expect one of:",
    "- a class path (str)",
    "- a dict with",  # and without
)
NO_PART = re.compile(
    r'Parser key "(?:model|data)\.(?P<null>\w+)":\s+Not a valid subclass of \w+\. Got value: None\b'
    r"|the following arguments are required: (?:\w+\.)?data\.(?P<absent>\w+)"
)


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are raised, so that they can be said in one line; options are written in full.

    Args:
        program: What the user types before the options.
        description: What ``--help`` says, as it stands.
        usage: The line that shows the options; None makes it from them.
    """

    def __init__(self, program: str, description: str, usage: str | None = None) -> None:
        layout = argparse.RawDescriptionHelpFormatter
        super().__init__(program, usage, description, formatter_class=layout, allow_abbrev=False)

    def error(self, message: str) -> Never:
        raise argparse.ArgumentError(None, message)


def without_noise(message: str) -> str:
    """What jsonargparse says of a wrong value, without what it says of every optional option."""
    if missing := NO_PART.match(message):
        return f"no {missing['null'] or missing['absent']} is configured; give --config FILE"
    lines = (line.strip() for line in message.split("\n"))
    return " ".join(line.removeprefix("- ") for line in lines if not line.startswith(NOISE))


def fail(message: str) -> int:
    """Say in one line what is wrong with the input, and give the exit status for it."""
    say(message_console(), f"error: {message}")
    return 2
