"""Datasets of the hub and of local folders: loading, and files that number their tags differently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

from ner_lightning.corpora.reader import CorpusError
from ner_lightning.corpora.reading.text_files import resolve_path
from ner_lightning.hub_access import use_cache_without_hub

if TYPE_CHECKING:
    from datasets import Dataset, Features

SAVED_DATASET, SAVED_SPLITS = "state.json", "dataset_dict.json"  # files written by save_to_disk


def load_splits(path: str, name: str | None, revision: str | None, offline: str) -> Mapping[str, Dataset]:
    """Load all splits of a hub dataset or a local folder, by the dataset's own names of the splits.

    Args:
        path: Name of the dataset on the hub, or a local folder.
        name: Name of a configuration of the dataset.
        revision: Branch, tag or commit on the hub.
        offline: Advice for users without a network, for messages.

    Raises:
        CorpusError: If it cannot be reached, does not exist, or cannot be read.
    """
    from datasets import DatasetDict, load_dataset, load_from_disk
    from datasets.exceptions import DatasetNotFoundError, DatasetsError

    folder = resolve_path(path)
    require_folder_or_hub_id(path, folder, revision)
    if not folder.is_dir():
        use_cache_without_hub()
    try:
        if is_saved_dataset(folder):
            loaded = load_from_disk(str(folder))
        else:
            loaded = load_dataset(str(folder) if folder.is_dir() else path, name=name, revision=revision)
    except ConnectionError as error:
        raise CorpusError(
            f"{path}: not a local folder, and the hub cannot be reached ({one_line(error)}); "
            f"without a network, {offline}"
        ) from error
    except DatasetNotFoundError as error:
        raise CorpusError(
            f"{path}: not a local folder, and not found on the hub ({one_line(error)}); without a network, {offline}"
        ) from error
    except (StopIteration, IndexError) as error:  # from an empty JSON file, and from a saved split without rows
        raise CorpusError(f"{path}: every split and file must contain at least one row, but one is empty") from error
    except (DatasetsError, OSError, ValueError, RuntimeError) as error:
        raise CorpusError(f"{path}: cannot be read as a dataset: {one_line(error.__cause__ or error)}") from error
    return loaded if isinstance(loaded, DatasetDict) else {str(loaded.split or "train"): loaded}


def is_saved_dataset(folder: Path) -> bool:
    """Return whether a folder was written by ``save_to_disk``."""
    return (folder / SAVED_SPLITS).is_file() or (folder / SAVED_DATASET).is_file()


def require_folder_or_hub_id(path: str, folder: Path, revision: str | None) -> None:
    """Check that a path is a folder or can be the name of a dataset, before the network is used.

    Raises:
        CorpusError: If it is neither, or a folder with a revision.
    """
    if folder.is_dir():
        if revision is not None:
            raise CorpusError(f"{path} is a local folder, which has no revisions, got revision {revision!r}")
    elif folder.exists() or path.startswith((".", "/", "~")) or path.count("/") > 1:
        raise CorpusError(f"{path} is neither a local folder nor the name of a dataset on the hub (owner/name)")


def one_line(error: BaseException) -> str:
    """Return the message of an error in one line, shortened."""
    return shorten(str(error), width=300, placeholder=" …") or type(error).__name__


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
