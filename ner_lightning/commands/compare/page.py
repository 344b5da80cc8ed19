"""The page of an earlier comparison, drawn again from its JSON file."""

from __future__ import annotations

from ner_lightning.atomic_files import whole_file
from ner_lightning.commands.compare.options import PageOptions
from ner_lightning.console import message_console, say
from ner_lightning.evaluation.comparison.page import comparison_page
from ner_lightning.evaluation.comparison.stored import read_comparison


def draw_page(options: PageOptions) -> int:
    """Draw the page of an earlier comparison.

    Returns:
        The exit status.

    Raises:
        ValueError: If the file is not a comparison.
        OSError: If a file cannot be read or written.
    """
    page = comparison_page(read_comparison(options.comparison))
    with whole_file(options.output) as file:
        file.write(page)
    say(message_console(), f"page: {options.output}")
    return 0
