import pytest

from ner_lightning.corpora.json_lines import JsonLines
from ner_lightning.encoding.batches import EncodedWindow
from ner_lightning.encoding.bound_corpus import usual_length
from ner_lightning.modeling.encoders import SmallBert
from ner_lightning.training.data_module import NERDataModule, RawTextSettings
from ner_lightning.word_splitting import BlankSplitter, CharacterSplitter

ROW = '{"text": "unit AHU.G2 is off", "entities": [{"start": 5, "end": 11, "type": "UNIT"}]}'


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [([10] * 100, 64), ([100] * 100, 128), ([70] * 99 + [500], 96), ([70] * 90 + [500] * 10, 512)],
)
def test_the_usual_length_ignores_exceptions_and_is_rounded_up(lengths, expected):
    windows = [EncodedWindow((0,) * length, (), (), 0, ()) for length in lengths]
    assert usual_length([(None, [window]) for window in windows]) == expected


@pytest.mark.parametrize(
    ("raw_text", "expected"),
    [(RawTextSettings(), BlankSplitter()), (RawTextSettings(CharacterSplitter()), CharacterSplitter())],
)
def test_the_model_gets_the_word_splitter_of_the_corpus_unless_another_is_set(tmp_path, raw_text, expected):
    (tmp_path / "a.jsonl").write_text(ROW)
    corpus = JsonLines(train=str(tmp_path / "a.jsonl"), word_splitter=BlankSplitter())
    data = NERDataModule(corpus, SmallBert(hidden_size=16, num_layers=1, num_heads=2), raw_text=raw_text)
    data.setup()
    assert data.word_splitter == expected
