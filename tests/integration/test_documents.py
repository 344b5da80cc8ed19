"""Tests of runs that read documents or context: the same predictions everywhere, exact resumption, same gradients."""

from dataclasses import replace
from pathlib import Path

import lightning as L
import pytest
import torch

from ner_lightning.bundle import load_bundle
from ner_lightning.callbacks.final_validation import FinalValidation
from ner_lightning.callbacks.last_checkpoint import LastCheckpoint
from ner_lightning.corpora.example_corpus import ExampleCorpus
from ner_lightning.corpora.reader import Corpus, CorpusReader
from ner_lightning.encoding.augmentation import CasingNoise
from ner_lightning.encoding.passages import Unit
from ner_lightning.entities import EntitySpan
from ner_lightning.modeling.crf import CRFLoss
from ner_lightning.modeling.decoders import ArgmaxDecoder
from ner_lightning.modeling.encoders import SmallBert
from ner_lightning.recognizer import EntityRecognizer
from ner_lightning.sentences import Sentence
from ner_lightning.training.data_module import BatchSettings, NERDataModule, WindowSettings
from ner_lightning.training.tagger import NERTagger
from support.quiet_trainer import quiet_trainer

ENCODER = SmallBert(vocabulary_size=300, hidden_size=16, num_heads=2, num_layers=1, dropout=0.0, max_subwords=512)
SETTINGS: list[tuple[Unit, int]] = [("document", 0), ("sentence", 6)]
READ = pytest.mark.parametrize(("unit", "context"), SETTINGS)


class ReorderedCorpus(CorpusReader):
    """The example corpus with its documents in another order."""

    def read(self) -> Corpus:
        corpus = ExampleCorpus(num_train=40, num_validation=24, num_test=8).read()
        validation = sorted(corpus.splits["validation"], key=lambda s: s.document_id or "", reverse=True)
        assert validation != list(corpus.splits["validation"])
        return replace(corpus, splits={**corpus.splits, "validation": tuple(validation)})


def data_module(
    unit: Unit, context: int, corpus: CorpusReader | None = None, max_subwords: int | None = None, **batches: int
) -> NERDataModule:
    return NERDataModule(
        corpus or ExampleCorpus(num_train=40, num_validation=24, num_test=8),
        ENCODER,
        unit=unit,
        context=context,
        windows=WindowSettings(max_subwords=max_subwords),
        batches=BatchSettings(**{"max_windows": 4} | batches),
        augmentation=[CasingNoise(0.3)],
    )


def tagger(loss: CRFLoss | None = None) -> NERTagger:
    torch.manual_seed(0)
    optimizer = lambda parameters: torch.optim.AdamW(parameters, lr=5e-3)  # noqa: E731
    return NERTagger(ENCODER, loss, optimizer=optimizer, warmup_ratio=0.0)


def logits_of(trained: NERTagger, data: NERDataModule) -> dict[str, torch.Tensor]:
    """Return the logits of every validation sentence by id."""
    with torch.inference_mode():
        return {
            sentence.id: row[: len(sentence)]
            for batch in data.val_dataloader()
            for sentence, row in zip(batch.sentences, trained.classifier.sentence_logits(batch), strict=True)
        }


@pytest.fixture(scope="module", params=SETTINGS, ids=str)
def run(request: pytest.FixtureRequest) -> tuple[NERTagger, NERDataModule]:
    """A tagger with a CRF and windows of 40 subwords, which cut documents; its random head finds many entities."""
    data = data_module(*request.param, max_subwords=40)
    trained = tagger(CRFLoss())
    quiet_trainer(max_epochs=1).fit(trained, data)
    torch.nn.init.normal_(trained.classifier.network.classifier.weight, std=1.0)
    return trained.eval(), data


def test_predictions_depend_neither_on_the_batch_nor_on_the_order_of_documents(run) -> None:
    trained, data = run
    trained.double()
    expected = logits_of(trained, data)
    assert len(expected) == 24
    for corpus, budget in ((None, 1), (ReorderedCorpus(), 4096)):
        other = data_module(data.unit, data.context, corpus, 40, evaluation_subwords=budget)
        other.setup("fit")
        found = logits_of(trained, other)
        assert found.keys() == expected.keys()
        for name, logits in expected.items():
            torch.testing.assert_close(found[name], logits, atol=1e-10, rtol=0)
    trained.float()


def test_the_bundle_predicts_what_the_run_scored(run, tmp_path: Path) -> None:
    trained, data = run
    trained.save_bundle(tmp_path / "model", data)
    recognizer = EntityRecognizer.from_pretrained(tmp_path / "model")
    assert (recognizer.settings.unit, recognizer.settings.context) == (data.unit, data.context)
    sentences = data.bound.corpus.splits["validation"]
    scored: dict[str, tuple[EntitySpan, ...]] = {}
    with torch.inference_mode():
        for batch in data.val_dataloader():
            logits = trained.classifier.sentence_logits(batch)
            tags, transitions = data.bound.tags, trained.objective.transitions
            tag_ids = trained.decoder.tag_ids(logits, batch.mask, tags, transitions)
            spans = trained.decoder.entities(logits, tag_ids, tags, transitions)
            scored |= dict(zip((s.id for s in batch.sentences), spans, strict=True))
    expected = [scored[sentence.id] for sentence in sentences]
    assert sum(map(len, expected)) > 10
    assert [without_scores(spans) for spans in recognizer.recognize(sentences)] == list(map(without_scores, expected))
    alone = [without_scores(spans) for s in sentences for spans in recognizer.recognize([s])]
    assert alone != list(map(without_scores, expected))  # neighbors matter


def without_scores(spans: tuple[EntitySpan, ...]) -> list[tuple[int, int, str]]:
    return [(span.start, span.end, span.entity_type) for span in spans]


def test_the_sentences_of_a_raw_text_are_read_with_their_neighbors(run, tmp_path: Path) -> None:
    trained, data = run
    trained.save_bundle(tmp_path / "model", data)
    recognizer = EntityRecognizer.from_pretrained(tmp_path / "model")
    lines = [" ".join(s.words) for s in data.bound.corpus.splits["validation"][:5]]
    words = [recognizer.split(line).words for line in lines]
    text = recognizer.split("\n".join(lines))
    (found,) = recognizer.recognize([text])
    document = [Sentence(row, document_id="p") for row in words]
    starts = [sum(map(len, words[:i])) for i in range(5)]
    expected = [
        (start + span.start, start + span.end, span.entity_type)
        for start, spans in zip(starts, recognizer.recognize(document), strict=True)
        for span in spans
    ]
    assert without_scores(found) == expected
    assert expected


@pytest.mark.parametrize("unit", ["document", "sentence"])
def test_a_window_that_holds_the_whole_text_gives_the_logits_of_the_stock_network(unit: Unit) -> None:
    data = data_module(unit, 0 if unit == "document" else 500)
    trained = tagger()
    quiet_trainer(max_epochs=1).fit(trained, data)
    network, tokenizer = trained.eval().classifier.network, data.bound.tokenizer
    sentences = data.bound.corpus.splits["validation"]
    windows = data.bound.window_encoder  # its windows are as long as the network allows
    items = zip(windows.passages(sentences), (row for _, row in windows.encode(sentences)), strict=True)
    batch = data.collate_sentences(list(items))
    assert {len(row) for _, row in windows.encode(sentences)} == {1}
    with torch.inference_mode():
        rows = trained.classifier.sentence_logits(batch)
    found = {sentence.id: row[: len(sentence)] for sentence, row in zip(batch.sentences, rows, strict=True)}
    network.set_attn_implementation("eager")  # as in stock transformers
    for document in {sentence.document_id: None for sentence in sentences}:
        own = [sentence for sentence in sentences if sentence.document_id == document]
        words = [word for sentence in own for word in sentence.words]
        inputs = tokenizer(words, is_split_into_words=True, return_tensors="pt")
        word_ids = inputs.word_ids(0)
        with torch.inference_mode():
            whole = network(**inputs).logits[0][[word_ids.index(word) for word in range(len(words))]]
        joined = torch.cat([found[sentence.id] for sentence in own])
        torch.testing.assert_close(joined, whole, atol=1e-4, rtol=0)


def test_an_entity_never_crosses_a_sentence(run, tmp_path: Path) -> None:
    """All words get the tag of the same entity, and still each sentence has its own."""
    trained, data = run
    trained.save_bundle(tmp_path / "model", data)
    bundle = load_bundle(tmp_path / "model")
    head = bundle.classifier.network.classifier
    with torch.no_grad():
        head.weight.zero_()
        head.bias.zero_()
        head.bias[data.bound.tags.tag_ids["I-PER"]] = 9.0
    for decoder in (ArgmaxDecoder(), bundle.settings.decoder):
        recognizer = EntityRecognizer(replace(bundle, settings=replace(bundle.settings, decoder=decoder)))
        sentences = data.bound.corpus.splits["validation"][:8]
        found = [without_scores(spans) for spans in recognizer.recognize(sentences)]
        assert found == [[(0, len(sentence), "PER")] for sentence in sentences]


@READ
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, unit: Unit, context: int) -> None:
    def fit(folder: str, max_steps: int = -1, **start: Path) -> NERTagger:
        callbacks: list[L.Callback] = [FinalValidation(), LastCheckpoint(tmp_path / folder)]
        settings = {"max_epochs": 2, "max_steps": max_steps, "enable_checkpointing": True}
        trained = tagger(CRFLoss())
        trained.schedule = "constant"
        data = data_module(unit, context, max_subwords=40)
        quiet_trainer(callbacks=callbacks, **settings).fit(trained, data, weights_only=True, **start)
        return trained

    whole = fit("whole")
    fit("ended", max_steps=2)
    resumed = fit("resumed", ckpt_path=tmp_path / "ended" / "last.ckpt")
    assert whole.trainer.global_step == resumed.trainer.global_step > 4
    for name, parameter in whole.named_parameters():
        assert torch.equal(parameter, resumed.get_parameter(name)), name


@READ
def test_gradients_do_not_depend_on_accumulation(unit: Unit, context: int) -> None:
    weights = []
    for max_windows, accumulate in ((16, 1), (2, 8)):
        data = data_module(unit, context, max_subwords=40, max_windows=max_windows)
        trained = tagger(CRFLoss())
        trained.optimizer = lambda parameters: torch.optim.SGD(parameters, lr=1.0)
        settings = {"accumulate_grad_batches": accumulate, "precision": "64-true", "max_steps": 1}
        quiet_trainer(max_epochs=1, **settings).fit(trained, data)
        weights.append(dict(trained.named_parameters()))
    for name, parameter in weights[0].items():
        torch.testing.assert_close(parameter, weights[1][name], atol=1e-10, rtol=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unit": "paragraph"}, "unit must be one of sentence, document, got 'paragraph'"),
        ({"context": -1}, "context must be a whole number of subwords, at least 0, got -1"),
        ({"unit": "document", "context": 3}, "context must be 0 with unit document, .*, got 3"),
    ],
)
def test_wrong_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NERDataModule(ExampleCorpus(), ENCODER, **settings)
