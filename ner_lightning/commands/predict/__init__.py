"""The command `predict`: its options, what it reads and writes, and its run."""

PIPE = "-"  # in place of a file, the standard input or output
