"""Train, compare, understand and ship transformer named entity recognition."""
