"""The parquet and arrow files of a local dataset whose files number their tags differently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import Dataset, Features


def split_by_numbering(folder: Path, name: str | None, column: str) -> Mapping[str, Sequence[Dataset]] | None:
    """Load every file of a folder with its own names of tags, if they differ between files.

    ``load_dataset`` applies the names in the first file to all files, which silently swaps entity types.

    Args:
        folder: A folder that ``load_dataset`` can load.
        name: Name of a configuration of the dataset.
        column: The column with the numbers of tags.

    Returns:
        The files of each split, each as a dataset; None if all files number their tags in the same way.
    """
    from datasets import Dataset, load_dataset_builder

    files_by_split = load_dataset_builder(str(folder), name=name).config.data_files or {}
    names_by_file = {
        file: tag_names(_features_of(file), column)
        for files in files_by_split.values()
        for file in files
        if Path(file).suffix in {".parquet", ".arrow"}
    }
    if len(set(names_by_file.values())) < 2:
        return None
    load = {".parquet": Dataset.from_parquet, ".arrow": Dataset.from_file}
    return {
        str(split): [load[Path(file).suffix](str(file)) for file in files] for split, files in files_by_split.items()
    }


def tag_names(features: Features, column: str) -> tuple[str, ...]:
    """Return the names of the numbered tags in a column of lists, empty if they have no names."""
    feature = getattr(features.get(column), "feature", None)
    return tuple(getattr(feature, "names", ()))


def _features_of(file: str) -> Features:
    import pyarrow as pa
    from datasets import Features

    if file.endswith(".parquet"):
        return Features.from_arrow_schema(pa.parquet.read_schema(file))
    try:
        return Features.from_arrow_schema(pa.ipc.open_stream(file).schema)
    except pa.ArrowInvalid:
        return Features.from_arrow_schema(pa.ipc.open_file(file).schema)
