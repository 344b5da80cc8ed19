"""Runs the notebooks and saves them with their outputs.

    python notebooks/run.py [NOTEBOOK ...]

Outputs contain no times, paths or ids of the run, so that running again changes only what the code changes.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
TIMEOUT = 1200  # seconds, for a busy machine; an idle core needs less than 60
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def is_terminal_output(output: nbformat.NotebookNode) -> bool:
    """Return True for what a command prints, which rich shows as a preformatted paragraph of HTML for each line."""
    return output.output_type == "display_data" and output.data.get("text/html", "").startswith("<pre")


def as_terminal(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Join the lines that a command printed, without their colors."""
    joined: list[nbformat.NotebookNode] = []
    for output in outputs:
        if not is_terminal_output(output):
            joined.append(output)
            continue
        text = "".join(f"{line.rstrip()}\n" for line in ANSI.sub("", output.data["text/plain"]).splitlines())
        if joined and joined[-1].get("name") == "stdout":
            joined[-1].text += text
        else:
            joined.append(nbformat.v4.new_output("stream", name="stdout", text=text))
    return joined


def run(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Execute all cells of a notebook in a folder, and keep their outputs."""
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=TIMEOUT, resources=resources, record_timing=False).execute()
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.NotebookNode()
        if cell.cell_type == "code":
            cell.outputs = as_terminal(cell.outputs)


def main(arguments: list[str]) -> int:
    """Run the given notebooks, or all."""
    for path in map(Path, arguments) if arguments else sorted(FOLDER.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as folder:
            run(notebook, Path(folder))
        nbformat.write(notebook, path)
        sys.stdout.write(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
