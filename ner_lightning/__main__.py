"""The command line: the first argument selects the command, and only the modules of that command are imported."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from ner_lightning.console import message_console, say, show_warnings_as_lines, write_output
from ner_lightning.standard_streams import CLOSED_PIPE_STATUS, unfailing_streams

COMMANDS = {
    "fit": ("fit.command", "train, score the best epoch, and save it as a bundle"),
    "validate": ("fit.command", "score the validation split with a checkpoint or a saved model"),
    "test": ("fit.command", "score the test split with a checkpoint or a saved model"),
    "compare": ("compare.command", "train several configurations over several seeds and report what differs"),
    "predict": ("predict.command", "find entities in raw text with a saved model"),
    "evaluate": ("evaluate", "score predictions and show their errors"),
    "check": ("check", "report what is in a corpus and what is wrong with it"),
    "convert": ("convert", "write a corpus in another format or label scheme"),
}
USAGE = "usage: python -m ner_lightning COMMAND [OPTION ...]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status, even if its output cannot be written."""
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
        say(message_console(), f"error: cannot write to standard output: {output.failure.strerror}")
        return 2


def run_command(arguments: Sequence[str]) -> int:
    """Run the command named by the first argument and return its exit status."""
    if not arguments or arguments[0] in {"-h", "--help"}:
        write_output(help_text())
        return 0 if arguments else 2
    command = arguments[0]
    if command not in COMMANDS:
        say(message_console(), f"error: the command must be one of {', '.join(COMMANDS)}, got {command!r}")
        return 2
    module_name, _ = COMMANDS[command]
    module = import_module(f"ner_lightning.commands.{module_name}")
    serves_several_commands = module_name == "fit.command"
    return module.main(arguments if serves_several_commands else arguments[1:])


def script() -> int:
    """Run a command from the installed script; modules in the current folder can be imported, as with ``python -m``."""
    if not sys.flags.safe_path:
        sys.path.insert(0, os.getcwd())
    return main()


def accept_any_character() -> None:
    """Make sure that no character ends a command: files and pipes get UTF-8; a terminal shows escapes if necessary."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # the output of a notebook cannot be reconfigured
        sys.stdout.reconfigure(encoding=None if sys.stdout.isatty() else "utf-8", errors="backslashreplace")
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")


def help_text() -> str:
    """Return the overview of all commands, with one line for each."""
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
