"""Fixtures for commands: a model, and a folder to predict in."""

import pytest

from ner_lightning.commands.predict import run as prediction_run
from ner_lightning.recognizer import EntityRecognizer
from support.small_bundles import random_bundle


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(random_bundle(tmp_path_factory.mktemp("bundle") / "model"))


@pytest.fixture(scope="module")
def recognizer(model):
    return EntityRecognizer.from_pretrained(model)


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(prediction_run, "CHUNK_RECORDS", 4)
