"""Tests of saved taggers: checkpoints that load without the corpus, and bundles."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ner_lightning.bundle import read_settings
from ner_lightning.encoding.batches import EvaluationBatch
from ner_lightning.entities import EntitySpan
from ner_lightning.modeling.crf import CRFLoss
from ner_lightning.modeling.losses import CrossEntropyLoss, Loss
from ner_lightning.recognizer import EntityRecognizer
from ner_lightning.schemes import BIOES, IGNORE_INDEX
from ner_lightning.training.tagger import NERTagger
from support.small_bundles import with_large_head_weights
from support.small_taggers import ENCODER, LOSSES, data_module, sgd, trained, trainer


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_a_checkpoint_loads_without_corpus_and_gives_the_same_logits(tmp_path: Path, loss: Loss) -> None:
    data = data_module()
    tagger, fitting = trained(data, loss=loss)
    fitting.save_checkpoint(tmp_path / "tagger.ckpt")
    loaded = NERTagger.load_from_checkpoint(tmp_path / "tagger.ckpt")
    assert loaded.tags == data.bound.tags
    assert loaded.tokenizer.get_vocab() == data.bound.tokenizer.get_vocab()
    assert loaded.loss == loss
    assert loaded.objective.weights_by_type == tagger.objective.weights_by_type
    for name, parameter in tagger.objective.named_parameters():
        assert torch.equal(loaded.objective.get_parameter(name), parameter)
    batch = next(iter(data.val_dataloader()))
    tagger.eval()
    with torch.inference_mode():
        torch.testing.assert_close(
            loaded.classifier.sentence_logits(batch), tagger.classifier.sentence_logits(batch), atol=0, rtol=0
        )


def test_a_checkpoint_of_another_program_is_refused_with_a_clear_message(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "foreign.ckpt")
    with pytest.raises(ValueError, match="the checkpoint of a NERTagger must have the keys"):
        NERTagger.load_from_checkpoint(tmp_path / "foreign.ckpt")


def test_a_checkpoint_of_another_scheme_is_refused(tmp_path: Path) -> None:
    _, fitting = trained(data_module())
    fitting.save_checkpoint(tmp_path / "bio.ckpt")
    other = NERTagger(ENCODER, optimizer=sgd)
    with pytest.raises(ValueError, match="the checkpoint must have the tags"):
        trainer(2).fit(other, data_module(scheme=BIOES()), ckpt_path=tmp_path / "bio.ckpt", weights_only=True)


def test_a_checkpoint_loads_after_importing_only_the_tagger(tmp_path: Path) -> None:
    """A separate process imports only the tagger."""
    _, fitting = trained(data_module(), loss=CRFLoss())
    fitting.save_checkpoint(tmp_path / "tagger.ckpt")
    code = "import sys; from ner_lightning import NERTagger; print(NERTagger.load_from_checkpoint(sys.argv[1]).loss)"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "tagger.ckpt"], capture_output=True, text=True, check=False
    )
    assert done.stdout == f"{CRFLoss()}\n", done.stderr


@pytest.mark.parametrize("loss", [CrossEntropyLoss(), CRFLoss()], ids=repr)
def test_a_saved_bundle_finds_the_same_entities_as_the_tagger(tmp_path: Path, loss: Loss) -> None:
    data = data_module(num_train=24, scheme=BIOES())
    tagger, fitting = trained(data, loss=loss)
    with_large_head_weights(tagger.classifier.network)
    fitting.save_checkpoint(tmp_path / "tagger.ckpt")
    tagger.save_bundle(tmp_path / "model", data, fitting.callback_metrics)
    NERTagger.load_from_checkpoint(tmp_path / "tagger.ckpt").save_bundle(tmp_path / "loaded", data)
    found = {
        sentence.id: entities
        for batch in data.val_dataloader()
        for sentence, entities in zip(batch.sentences, entities_by(tagger.eval(), batch), strict=True)
    }
    assert any(found.values())
    validation = data.bound.corpus.splits["validation"]
    for folder in (tmp_path / "model", tmp_path / "loaded"):
        assert EntityRecognizer.from_pretrained(folder).recognize(validation) == [found[s.id] for s in validation]
    assert read_settings(tmp_path / "model").scores["validation/f1"] == fitting.callback_metrics["validation/f1"]


def test_a_checkpoint_is_loaded_on_the_requested_device(tmp_path: Path) -> None:
    _, fitting = trained(data_module(16))
    fitting.save_checkpoint(tmp_path / "tagger.ckpt")
    assert NERTagger.load_from_checkpoint(tmp_path / "tagger.ckpt", "meta").device.type == "meta"
    assert NERTagger.load_from_checkpoint(tmp_path / "tagger.ckpt", map_location=None).device.type == "cpu"


def entities_by(tagger: NERTagger, batch: EvaluationBatch) -> list[tuple[EntitySpan, ...]]:
    with torch.inference_mode():
        logits = tagger.classifier.sentence_logits(batch)
        mask, transitions = batch.gold != IGNORE_INDEX, tagger.objective.transitions
        tag_ids = tagger.decoder.tag_ids(logits, mask, tagger.tags, transitions)
        return tagger.decoder.entities(logits, tag_ids, tagger.tags, transitions)
