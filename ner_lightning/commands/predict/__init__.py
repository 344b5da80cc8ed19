"""The command `predict`: its options, its input and output, and its run."""

PIPE = "-"  # stands for the standard input or output in place of a file
