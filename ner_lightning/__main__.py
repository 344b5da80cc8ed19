"""The command line: picks the command by its first word, and imports only what that needs."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from importlib import import_module

from ner_lightning.console import message_console, say, show_warnings_as_lines, write_output
from ner_lightning.standard_streams import CLOSED_PIPE_STATUS, unfailing_streams

COMMANDS = {
    "fit": ("fit.command", "train, score the best epoch, and save it as a bundle"),
    "validate": ("fit.command", "score the validation split with a checkpoint"),
    "test": ("fit.command", "score the test split with a checkpoint"),
    "compare": ("compare.command", "train several configurations over several seeds, and say what differs"),
    "predict": ("predict.command", "find the entities of raw text with a bundle"),
    "evaluate": ("evaluate", "score predictions, and show what is wrong with them"),
    "check": ("check", "report what a corpus holds, and what is wrong with it"),
    "convert": ("convert", "write a corpus in another format or label scheme"),
}
USAGE = "usage: python -m ner_lightning COMMAND [OPTION ...]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status, also if its output is closed or full."""
    accept_any_character()
    show_warnings_as_lines()
    with unfailing_streams() as output:
        try:
            status = run_command(sys.argv[1:] if arguments is None else list(arguments))
        except SystemExit:  # --help and --print_config
            output.flush()
            if output.failure is None:
                raise
            status = 0
        output.flush()
        if status or output.failure is None:
            return status
        if isinstance(output.failure, BrokenPipeError):
            return CLOSED_PIPE_STATUS
        say(message_console(), f"error: the standard output cannot be written: {output.failure.strerror}")
        return 2


def run_command(arguments: Sequence[str]) -> int:
    """Run the command that the first argument names and return its exit status."""
    if not arguments or arguments[0] in {"-h", "--help"}:
        write_output(help_text())
        return 0 if arguments else 2
    command = arguments[0]
    if command not in COMMANDS:
        say(message_console(), f"error: the command must be one of {', '.join(COMMANDS)}, got {command!r}")
        return 2
    module_name, _ = COMMANDS[command]
    module = import_module(f"ner_lightning.commands.{module_name}")
    takes_command = module_name == "fit.command"
    return module.main(arguments if takes_command else arguments[1:])


def accept_any_character() -> None:
    """Let no character end a command: files and pipes get UTF-8, and what a terminal cannot show is escaped."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # that of a notebook is none
        sys.stdout.reconfigure(encoding=None if sys.stdout.isatty() else "utf-8", errors="backslashreplace")
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")


def help_text() -> str:
    """What the commands do, a line each."""
    lines = [f"  {name:<10}{purpose}" for name, (_, purpose) in COMMANDS.items()]
    return "\n".join(
        [
            USAGE,
            "",
            "Train, compare, understand and ship transformer named entity recognition.",
            "",
            "commands:",
            *lines,
            "",
            "a first run:  python -m ner_lightning fit --config configs/experiment/demo.yaml",
            "more:         python -m ner_lightning COMMAND --help",
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
