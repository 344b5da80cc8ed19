import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import datasets
import huggingface_hub
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from ner_lightning.corpora.column_files import ColumnFiles
from ner_lightning.corpora.hub_datasets import HubDatasets, as_list_of_objects, require_split_names
from ner_lightning.corpora.reader import Corpus, CorpusError
from ner_lightning.entities import EntitySpan
from ner_lightning.schemes import BIO, TagSet

TAG_NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
ROWS = {
    "train": [
        {"tokens": ["Ada", "Lovelace", "saw", "Paris"], "ner_tags": ["B-PER", "I-PER", "O", "B-LOC"]},
        {"tokens": ["nothing", "here"], "ner_tags": ["O", "O"]},
    ],
    "validation": [{"tokens": ["Rome"], "ner_tags": ["B-LOC"]}],
    "test": [{"tokens": ["Oslo", "\u200b"], "ner_tags": ["B-LOC", "O"]}],
}
LABELLED = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=TAG_NAMES))})
Write = Callable[[Path], None]


@pytest.fixture(autouse=True)
def _quiet_and_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def numbered(rows: list[dict]) -> list[dict]:
    return [{**row, "ner_tags": [TAG_NAMES.index(tag) for tag in row["ner_tags"]]} for row in rows]


def labeled_splits() -> DatasetDict:
    return DatasetDict({split: Dataset.from_list(numbered(rows), features=LABELLED) for split, rows in ROWS.items()})


def write_json_lines(folder: Path, rows_by_name: dict[str, list[dict]]) -> None:
    for name, rows in rows_by_name.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_named_json(folder: Path) -> None:
    write_json_lines(folder, {f"{split}.json": rows for split, rows in ROWS.items()})


def write_foldered_json(folder: Path) -> None:
    write_json_lines(folder, {f"{split}/part.jsonl": rows for split, rows in ROWS.items()})


def write_string_parquet(folder: Path) -> None:
    for split, rows in ROWS.items():
        Dataset.from_list(rows).to_parquet(folder / f"{split}.parquet")


def write_labeled_parquet(folder: Path) -> None:
    for split, rows in labeled_splits().items():
        rows.to_parquet(folder / f"{split}-00000-of-00001.parquet")


def write_arrow(folder: Path) -> None:
    labeled_splits().save_to_disk(folder.parent / "saved")
    for split in ROWS:
        next((folder.parent / "saved" / split).glob("*.arrow")).rename(folder / f"{split}.arrow")


def save_to_disk(folder: Path) -> None:
    labeled_splits().save_to_disk(folder)


def assert_is_the_corpus(corpus: Corpus) -> None:
    assert list(corpus.splits) == ["train", "validation", "test"]
    assert corpus.splits["train"][0].words == ("Ada", "Lovelace", "saw", "Paris")
    assert corpus.splits["train"][0].entities == (EntitySpan(0, 2, "PER"), EntitySpan(3, 4, "LOC"))
    assert [sentence.id for sentence in corpus.splits["train"]] == ["train-0", "train-1"]
    assert corpus.splits["validation"][0].entities == (EntitySpan(0, 1, "LOC"),)
    assert corpus.splits["test"][0].words == ("Oslo", "\u200b")
    assert corpus.notes == ()
    assert corpus.scheme_evidence["train"].startswith("BIO: fits every tag (B 2, I 1)")


@pytest.mark.parametrize(
    "write",
    [
        write_named_json,
        write_foldered_json,
        write_string_parquet,
        write_labeled_parquet,
        write_arrow,
        save_to_disk,
    ],
)
def test_every_kind_of_folder_gives_the_same_corpus(tmp_path: Path, write: Write):
    folder = tmp_path / "corpus"
    folder.mkdir()
    write(folder)
    assert_is_the_corpus(HubDatasets(str(folder), expected_rows={"train": 2, "test": 1}).read())


def test_numbers_are_replaced_by_names_from_the_user(tmp_path: Path):
    write_json_lines(tmp_path / "c", {f"{split}.json": numbered(rows) for split, rows in ROWS.items()})
    assert_is_the_corpus(HubDatasets(str(tmp_path / "c"), tag_names=TAG_NAMES).read())


def test_names_from_the_user_replace_those_of_the_dataset(tmp_path: Path):
    labeled_splits().save_to_disk(tmp_path / "c")
    renamed = [name.replace("PER", "person") for name in TAG_NAMES]
    corpus = HubDatasets(str(tmp_path / "c"), tag_names=renamed).read()
    assert corpus.entity_types("train") == ("LOC", "person")


def write_file(path: Path, tag_names: list[str], tags: list[str]) -> None:
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=tag_names))})
    rows = [{"tokens": ["Ada", "Rome"], "ner_tags": [tag_names.index(tag) for tag in tags]}]
    Dataset.from_list(rows, features=features).to_parquet(path)


@pytest.mark.parametrize("names", ["{}.parquet {}.parquet", "train-0-{}.parquet train-1-{}.parquet"])
def test_files_that_number_their_tags_differently_keep_their_own_names(tmp_path: Path, names: str):
    (tmp_path / "c").mkdir()
    splits = ("train", "validation") if "train" not in names else ("of", "of")
    for name, split, order in zip(names.split(), splits, (1, -1), strict=True):
        write_file(tmp_path / "c" / name.format(split), ["O", *TAG_NAMES[1:][::order]], ["B-PER", "B-LOC"])
    corpus = HubDatasets(str(tmp_path / "c")).read()
    sentences = [sentence for sentences in corpus.splits.values() for sentence in sentences]
    assert len(sentences) == 2
    for sentence in sentences:
        assert sentence.entities == (EntitySpan(0, 1, "PER"), EntitySpan(1, 2, "LOC"))
    with pytest.raises(CorpusError, match="the files number their tags differently; set tag_names to null"):
        HubDatasets(str(tmp_path / "c"), tag_names=TAG_NAMES).read()


def test_arrow_files_that_number_their_tags_differently_keep_their_own_names(tmp_path: Path):
    for split, order in (("train", 1), ("test", -1)):
        names = ["O", *TAG_NAMES[1:][::order]]
        features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=names))})
        rows = [{"tokens": ["Ada"], "ner_tags": [names.index("B-PER")]}]
        Dataset.from_list(rows, features=features).save_to_disk(tmp_path / "saved" / split)
        (tmp_path / "c").mkdir(exist_ok=True)
        next((tmp_path / "saved" / split).glob("*.arrow")).rename(tmp_path / "c" / f"{split}.arrow")
    corpus = HubDatasets(str(tmp_path / "c")).read()
    assert [corpus.entity_types(split) for split in corpus.splits] == [("PER",), ("PER",)]


@pytest.mark.parametrize("column", ["entities", "spans", "privacy_mask"])
def test_rows_of_texts_and_spans_are_read(tmp_path: Path, column: str):
    spans = [{"start": 0, "end": 3, "label": "PER"}, {"start": 8, "end": 12, "label": "LOC"}]
    rows = [{"text": "Ada saw Rome.", column: spans}, {"text": "nothing", column: []}]
    Dataset.from_list(rows).save_to_disk(tmp_path / "c")
    options = {"spans_column": column} if column == "privacy_mask" else {}
    first, second = HubDatasets(str(tmp_path / "c"), **options).read().splits["train"]
    assert (first.words, second.words) == (("Ada", "saw", "Rome", "."), ("nothing",))
    assert first.entities == (EntitySpan(0, 1, "PER"), EntitySpan(2, 3, "LOC"))


def test_an_object_of_lists_is_a_list_of_objects():
    spans = [{"start": 0, "end": 3, "label": "PER"}, {"start": 8, "end": 12, "label": "LOC"}]
    assert as_list_of_objects({"start": [0, 8], "end": [3, 12], "label": ["PER", "LOC"]}) == spans
    assert as_list_of_objects(spans) is spans


def test_a_single_saved_dataset_is_the_training_split(tmp_path: Path):
    labeled_splits()["train"].save_to_disk(tmp_path / "c")
    corpus = HubDatasets(str(tmp_path / "c")).read()
    assert {split: len(sentences) for split, sentences in corpus.splits.items()} == {"train": 2}


def test_columns_and_splits_are_chosen(tmp_path: Path):
    rows = [{"w": ["Rome", "."], "ner_tags": ["O", "O"], "t": ["B-LOC", "O"]}]
    splits = DatasetDict({name: Dataset.from_list(rows) for name in ("dev", "train", "extra")})
    splits.save_to_disk(tmp_path / "c")
    corpus = HubDatasets(
        str(tmp_path / "c"), words_column="w", tags_column="t", splits={"validation": "dev", "train": "train"}
    ).read()
    assert list(corpus.splits) == ["train", "validation"]
    assert corpus.splits["validation"][0].entities == (EntitySpan(0, 1, "LOC"),)


def test_ill_formed_tags_are_read_and_noted_with_their_row(tmp_path: Path):
    rows = [
        {"tokens": ["Rome"], "ner_tags": ["B-LOC"]},
        {"tokens": ["to", "New", "York"], "ner_tags": ["O", "I-LOC", "I-LOC"]},
    ]
    write_json_lines(tmp_path / "c", {"train.json": rows})
    corpus = HubDatasets(str(tmp_path / "c")).read()
    assert corpus.splits["train"][1].entities == (EntitySpan(1, 3, "LOC"),)
    [note] = corpus.notes
    assert (note.split, note.kind, note.line) == ("train", "ill_formed_tag", 2)
    assert str(note).startswith(f"{tmp_path / 'c'}[train]:2: I-LOC")


@pytest.mark.parametrize(
    ("rows", "arguments", "message"),
    [
        (
            ROWS["train"],
            {"words_column": "words"},
            "[train]: no column for words_column 'words'; found: tokens, ner_tags; set words_column",
        ),
        (
            ROWS["train"],
            {"tags_column": "tags"},
            "[train]: no column for tags_column 'tags'; found: tokens, ner_tags; set words_column",
        ),
        (ROWS["train"], {"splits": {"test": "eval"}}, "no split 'eval' to read as test; found: train"),
        (ROWS["train"], {"expected_rows": {"train": 14041}}, "train split must have 14041 rows, got 2"),
        (ROWS["train"], {"expected_rows": {"test": 3453}}, "test split must have 3453 rows, got 0"),
        (ROWS["train"], {"revision": "main"}, "is a local folder, which has no revisions, got revision 'main'"),
        (ROWS["train"], {"words_column": "ner_tags", "tags_column": "tokens"}, "[train]:1: a tag must be O"),
        (numbered(ROWS["train"]), {}, "[train]:1: the tags are numbers without names, such as 1; set tag_names"),
        (
            numbered(ROWS["train"]),
            {"tag_names": ["O", "B-PER", "I-PER"]},
            "[train]:1: unknown tag number 3; known: 0 O, 1 B-PER, 2 I-PER",
        ),
        ([{"tokens": ["a"], "ner_tags": [-2]}], {"tag_names": ["O"]}, "unknown tag number -2; known: 0 O"),
        ([{"tokens": ["a"], "ner_tags": ["PER"]}], {}, "[train]:1: a tag must be O, or one of B I E S L U"),
        (
            [{"tokens": ["a", "b"], "ner_tags": ["O"]}],
            {},
            "[train]:1: every word needs one tag, got 2 words and 1",
        ),
        (
            [{"tokens": "a b", "ner_tags": ["O", "O"]}],
            {},
            "[train]:1: words must be a list of texts, got 'a b'",
        ),
        (
            [{"tokens": ["a", None], "ner_tags": ["O", "O"]}],
            {},
            "words must be a list of texts, got ['a', None]",
        ),
        (
            [{"tokens": ["a"], "ner_tags": [0.5]}],
            {},
            "tags must be a list of texts or whole numbers, got [0.5]",
        ),
    ],
)
def test_wrong_input_gives_one_clear_line(tmp_path: Path, rows: list[dict], arguments: dict, message: str):
    write_json_lines(tmp_path / "c", {"train.json": rows})
    with pytest.raises(CorpusError) as caught:
        HubDatasets(str(tmp_path / "c"), **arguments).read()
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "c"))
    assert "\n" not in str(caught.value)


def test_names_of_splits_are_checked():
    require_split_names(["test", "train", "validation"])
    with pytest.raises(CorpusError, match="a split must be one of train, validation, test, got 'dev'"):
        require_split_names(["train", "dev"])
    with pytest.raises(CorpusError, match="must name at least one of train, validation, test, got none"):
        HubDatasets("lhoestq/conll2003", splits={})


def write_parquet(splits: DatasetDict, folder: Path) -> None:
    for split, rows in splits.items():
        rows.to_parquet(folder / f"{split}.parquet")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (write_parquet, "cannot be read as a dataset: .*test.* no data"),
        (DatasetDict.save_to_disk, "every split and file must contain at least one row, but one is empty"),
    ],
)
def test_an_empty_split_is_refused(tmp_path: Path, write: Callable[[DatasetDict, Path], None], message: str):
    empty = Dataset.from_dict({"tokens": [], "ner_tags": []}, features=LABELLED)
    write(DatasetDict(train=labeled_splits()["train"], test=empty), tmp_path)
    with pytest.raises(CorpusError, match=message):
        HubDatasets(str(tmp_path)).read()


def test_an_empty_split_on_the_hub_is_refused(monkeypatch: pytest.MonkeyPatch):
    empty = Dataset.from_dict({"tokens": [], "ner_tags": []}, features=LABELLED)
    splits = DatasetDict(train=labeled_splits()["train"], test=empty)
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: splits)
    with pytest.raises(CorpusError, match="the test split must contain at least one sentence, got none"):
        HubDatasets("owner/corpus").read()


def test_unknown_split_names_must_be_mapped(tmp_path: Path):
    DatasetDict(gold=labeled_splits()["train"], silver=labeled_splits()["test"]).save_to_disk(tmp_path / "c")
    with pytest.raises(
        CorpusError, match="found no split called train, validation, test, only: gold, silver; map them with splits"
    ):
        HubDatasets(str(tmp_path / "c")).read()


def test_too_few_names_for_a_labeled_column_are_refused(tmp_path: Path):
    labeled_splits().save_to_disk(tmp_path / "c")
    with pytest.raises(CorpusError, match="must name all 5 tags, got 1; the dataset calls them: O, B-PER"):
        HubDatasets(str(tmp_path / "c"), tag_names=["O"]).read()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train.json", '{"tokens": ["a", ', "cannot be read as a dataset: JSON parse error"),
        ("train.json", "", "must contain at least one row, but one is empty"),
        ("train.parquet", "no parquet", "cannot be read as a dataset: Parquet magic bytes not found"),
        ("notes.md", "# no data", "cannot be read as a dataset"),
    ],
)
def test_a_broken_folder_gives_one_clear_line(tmp_path: Path, name: str, content: str, message: str):
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / name).write_text(content)
    with pytest.raises(CorpusError) as caught:
        HubDatasets(str(folder)).read()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["./no_such_folder", "a/b/c", "/no/such/folder"])
def test_a_path_that_cannot_be_a_hub_id_is_refused_without_the_network(path: str):
    with pytest.raises(
        CorpusError, match=r"is neither a local folder nor the name of a dataset on the hub \(owner/name\)"
    ):
        HubDatasets(path).read()


def test_an_unreachable_hub_gives_a_message_that_says_what_to_do():
    with pytest.raises(CorpusError) as caught:
        HubDatasets("lhoestq/conll2003").read()
    message = str(caught.value)
    assert message.startswith("lhoestq/conll2003: not a local folder, and the hub cannot be reached (")
    assert message.endswith("or read column files with the reader ColumnFiles")


def test_an_unknown_hub_id_gives_one_clear_line(monkeypatch: pytest.MonkeyPatch):
    def not_found(*_: object, **__: object) -> None:
        raise datasets.exceptions.DatasetNotFoundError("Dataset 'no/such' doesn't exist\non the Hub")

    monkeypatch.setattr(datasets, "load_dataset", not_found)
    with pytest.raises(CorpusError, match=r"no/such: .* not found on the hub \(Dataset 'no/such' doesn't exist on"):
        HubDatasets("no/such").read()


def test_name_and_revision_reach_the_hub(monkeypatch: pytest.MonkeyPatch):
    asked = []

    def load_dataset(*arguments: object, **options: object) -> DatasetDict:
        asked.append((arguments, options))
        return labeled_splits()

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert_is_the_corpus(HubDatasets("owner/corpus", name="v2", revision="0123abc").read())
    assert asked == [(("owner/corpus",), {"name": "v2", "revision": "0123abc"})]


def test_importing_the_reader_does_not_import_datasets():
    code = "import sys, ner_lightning.corpora.hub_datasets; sys.exit('datasets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def wnut17() -> Path:
    root = Path(__file__).parents[2]
    given = os.environ.get("NER_LIGHTNING_DATA")
    candidates = [Path(given)] if given else [root / "data", root.parent / "shared" / "data"]
    found = [folder / "wnut17" for folder in candidates if (folder / "wnut17").is_dir()]
    if not found:
        pytest.skip("needs WNUT-17 in $NER_LIGHTNING_DATA or data/")
    return found[0]


@pytest.mark.slow
def test_wnut17_as_a_labeled_dataset_is_the_same_corpus(tmp_path: Path):
    paths = {split: str(wnut17() / f"{split}.conll") for split in ("train", "validation", "test")}
    corpus = ColumnFiles(**paths).read()
    tag_set = TagSet(BIO(), corpus.entity_types("train"))
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=list(tag_set.tags)))})
    for split, sentences in corpus.splits.items():
        rows = [{"tokens": s.words, "ner_tags": tag_set.write(s.entities, len(s))} for s in sentences]
        Dataset.from_list(rows, features=features).to_parquet(tmp_path / f"{split}.parquet")
    read_back = HubDatasets(str(tmp_path), expected_rows={"train": 3394, "validation": 1009, "test": 1287}).read()
    assert read_back.checksum() == corpus.checksum()
