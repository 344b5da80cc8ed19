"""A small file in the exact shape of each format, in several languages: `check` and `fit` read every one of them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ner_lightning.__main__ import main
from ner_lightning.commands.check import main as check
from ner_lightning.corpora.formats import READERS


def line(row: Any) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def spans(text: str, *entities: tuple[str, str]) -> list[tuple[int, int, str]]:
    return [(text.index(surface), text.index(surface) + len(surface), kind) for surface, kind in entities]


ZH, AR, HI = "王小禾 住在 北港 。", "ذهبت مريم إلى القاهرة .", "मीरा दिल्ली में रहती है ।"
EMOJI = "🔥 Al Kolbe 🔥 in Tarnby"
ZH_SPANS = spans(ZH, ("王小禾", "PER"), ("北港", "LOC"))
AR_SPANS = spans(AR, ("مريم", "PER"), ("القاهرة", "LOC"))
HI_SPANS = spans(HI, ("मीरा", "PER"), ("दिल्ली", "LOC"))
EMOJI_SPANS = spans(EMOJI, ("Al Kolbe", "PER"), ("Tarnby", "LOC"))
UTF16_SPANS = [(3, 11, "PER"), (18, 24, "LOC")]  # as JavaScript counts
MISC = "\t_" * 7

SAMPLES: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
    "Chinese in BMES": ("ColumnFiles", {"a.txt": "王 B-PER\n小 M-PER\n禾 E-PER\n住 O\n沪 S-LOC\n"}, {}),
    "Hindi with comments": (
        "ColumnFiles",
        {"a.conll": "# id 1 domain=hi\nमीरा _ _ B-PER\nदिल्ली _ _ B-LOC\n\n"},
        {"comment": "# "},
    ),
    "a CSV with a sentence column": (
        "ColumnFiles",
        {"a.csv": 'Sentence #,Word,POS,Tag\nSentence: 1,Al,NNP,B-per\n,Tarnby,NNP,B-geo\nSentence: 2,"""",O,O\n'},
        {"separator": "comma", "header": True, "sentence_column": 0, "word_column": 1},
    ),
    "Arabic JSON Lines": (
        "JsonLines",
        {"a.jsonl": line({"text": AR, "entities": [{"start": s, "end": e, "type": kind} for s, e, kind in AR_SPANS]})},
        {},
    ),
    "tokens and tags": (
        "JsonLines",
        {"a.json": line([{"tokens": ["मीरा", "दिल्ली"], "ner_tags": [1, 2]}])},
        {"tag_names": ["O", "B-PER", "B-LOC"]},
    ),
    "Label Studio with UTF-16 offsets": (
        "LabelStudio",
        {"a.json": line([{"id": 1, "data": {"text": EMOJI}, "annotations": [{"result": [
            {"type": "labels", "value": {"start": s, "end": e, "text": text, "labels": [kind]}}
            for (s, e, kind), text in zip(UTF16_SPANS, ("Al Kolbe", "Tarnby"), strict=True)]}]}])},
        {},
    ),
    "doccano": ("Doccano", {"a.jsonl": line({"id": 1, "text": HI, "label": HI_SPANS, "Comments": []})}, {}),
    "Prodigy": (
        "Prodigy",
        {"a.jsonl": line({"text": EMOJI, "answer": "accept", "spans": [
            {"start": s, "end": e, "label": kind} for s, e, kind in EMOJI_SPANS]})},
        {},
    ),
    "spaCy tuples": ("SpacyTuples", {"a.json": line([[ZH, {"entities": ZH_SPANS}]])}, {}),
    "GLiNER": (
        "GlinerJson",
        {"a.json": line([{"tokenized_text": EMOJI.split(), "ner": [[1, 2, "PER"], [5, 5, "LOC"]]}])},
        {},
    ),
    "brat": (
        "Brat",
        {"a.txt": AR + "\n", "a.ann": "".join(f"T{s}\t{k} {s} {e}\t{AR[s:e]}\n" for s, e, k in AR_SPANS)},
        {},
    ),
    "BioC JSON": (
        "BiocJson",
        {"a.json": line({"documents": [{"id": "7", "passages": [{"offset": 9, "text": HI, "annotations": [
            {"id": "1", "infons": {"type": kind}, "text": HI[s:e], "locations": [{"offset": s + 9, "length": e - s}]}
            for s, e, kind in HI_SPANS]}]}]})},
        {},
    ),
    "PubTator": (
        "PubTator",
        {"a.txt": f"7|t|{EMOJI}\n7|a|Short.\n"
         + "".join(f"7\t{s}\t{e}\t{EMOJI[s:e]}\t{kind}\tD1\n" for s, e, kind in EMOJI_SPANS)},
        {},
    ),
    "CoNLL-U": (
        "ConllU",
        {"a.conllu": f"# sent_id = 1\n# text = 王小禾沪\n1\t王小禾{MISC}\tNE=B-PER|SpaceAfter=No\n"
         f"2\t沪{MISC}\tNE=B-LOC\n\n"},
        {},
    ),
    "CoNLL-2012": (
        "Conll2012",
        {"a.conll": "#begin document (ar); part 000\nar 0 0 مريم - * - - - - (PERSON) -\n"
         "ar 0 1 القاهرة - * - - - - (GPE*) -\n\n#end document\n"},
        {},
    ),
    "WebAnno": (
        "WebAnno",
        {"a.tsv": "#FORMAT=WebAnno TSV 3.3\n#T_SP=x.NamedEntity|value\n\n\n#Text=🔥 Al Tarnby\n"
         "1-1\t0-2\t🔥\t_\t\n1-2\t3-5\tAl\tPER\t\n1-3\t6-12\tTarnby\tLOC\t\n"},
        {},
    ),
}  # fmt: skip
SMALL = ["--model.encoder=SmallBert", "--model.encoder.hidden_size=32", "--model.encoder.vocabulary_size=300"]


def config_of(folder: Path, name: str) -> str:
    """Write the files of a sample and a config that reads them as all three splits, and return its path."""
    reader, files, options = SAMPLES[name]
    for file, content in files.items():
        (folder / file).write_text(content, encoding="utf-8")
    first = str(folder / next(iter(files)))
    corpus = {"class_path": reader, "init_args": {"train": first, "validation": first, "test": first, **options}}
    (folder / "c.yaml").write_text(yaml.safe_dump({"data": {"corpus": corpus}}))
    return str(folder / "c.yaml")


def test_there_is_a_sample_of_every_format_in_text_files():
    without_text_files = {"HubDatasets", "ExampleCorpus", "SpacyDocBin"}
    assert {reader for reader, _, _ in SAMPLES.values()} == set(READERS) - without_text_files


@pytest.mark.parametrize("name", SAMPLES)
def test_check_reads_the_sample(tmp_path, capsys, name):
    status = check(["--config", config_of(tmp_path, name), *SMALL, "--format", "json"])
    printed = capsys.readouterr()
    assert status in {0, 1}, printed.err  # 1 if something is odd, such as the same sentence in all splits
    counts = json.loads(printed.out)["splits"]["train"]["entities_by_type"]
    assert sorted(counts.values()) == [1, 1]


@pytest.mark.parametrize("name", ["Label Studio with UTF-16 offsets", "brat", "WebAnno"])
def test_fit_trains_on_the_sample(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    main(["fit", "--config", config_of(tmp_path, name), *SMALL, "--trainer.max_epochs=1", "--run_dir=run"])
    first = json.loads(Path("run/predictions/test.jsonl").read_text().splitlines()[0])
    assert len(first["gold"]) == 2
