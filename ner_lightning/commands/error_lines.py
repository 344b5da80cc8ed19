"""The one line that a command says of wrong input."""

from __future__ import annotations

import argparse
from typing import Never

from rich.console import Console

NOISE = ("Does not validate", "Subtypes:", "Errors:", "- Expected a <class 'NoneType'>", "Given value type:")


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
    lines = (line.strip() for line in message.splitlines())
    return " ".join(line.removeprefix("- ") for line in lines if not line.startswith(NOISE))


def fail(message: str) -> int:
    """Say in one line what is wrong with the input, and give the exit status for it."""
    say(Console(stderr=True), f"error: {' '.join(message.split())}")
    return 2


def say(console: Console, line: str) -> None:
    """Print a line as it is: no markup, no colours, no wrapping of paths."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)
