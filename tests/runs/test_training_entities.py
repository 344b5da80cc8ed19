import pytest

from ner_lightning.atomic_files import write_json
from ner_lightning.entities import EntitySpan
from ner_lightning.runs.training_entities import count_training_entities, read_training_entities
from ner_lightning.sentences import Sentence


def test_surfaces_are_counted_by_type_and_casing(tmp_path):
    words = ("New", "York", "and", "new", "york")
    place, team = EntitySpan(0, 2, "LOC"), EntitySpan(0, 2, "ORG")
    sentences = [Sentence(words, (entity, EntitySpan(3, 5, "LOC"))) for entity in (place, team, place)]
    expected = {"New York": {"LOC": 2, "ORG": 1}, "new york": {"LOC": 3}}
    assert count_training_entities(sentences) == expected
    write_json(tmp_path / "training_entities.json", count_training_entities(sentences))
    assert read_training_entities(tmp_path / "training_entities.json") == expected


@pytest.mark.parametrize("content", ["{", "[]", '{"Bill": 1}', '{"Bill": {"PER": "1"}}', '{"Bill": {"PER": true}}'])
def test_other_files_are_rejected_in_one_line(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"other\.json: training entities must be JSON of the form") as error:
        read_training_entities(path)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(ValueError, match=r"none\.json"):
        read_training_entities(tmp_path / "none.json")
