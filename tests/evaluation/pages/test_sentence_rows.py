from hypothesis import given

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.pages.sentence_rows import CONTEXT, Highlight, Row, sentence_rows
from ner_lightning.evaluation.pages.tables import TypeLabel
from support.strategies import flat_entities


def shown(*spans: tuple[int, int]) -> list[Highlight]:
    return [Highlight(EntitySpan(start, end, "PER"), TypeLabel("PER", 0)) for start, end in spans]


def text_of(row: Row) -> str:
    return " ".join(piece.text for piece in row.pieces)


@given(flat_entities(), flat_entities())
def test_every_side_shows_the_whole_of_a_short_sentence(gold, predicted):
    entities, num_words = max(gold, predicted, key=lambda drawn: drawn[1])
    words = [f"w{i}" for i in range(num_words)]
    rows = sentence_rows(words, {"gold": shown(*((e.start, e.end) for e in entities)), "predicted": []})
    assert [row.name for row in rows] == ["gold", "predicted"]
    assert [text_of(row) for row in rows] == [" ".join(words)] * 2
    highlighted = [piece.text for piece in rows[0].pieces if piece.highlight]
    assert highlighted == [" ".join(words[e.start : e.end]) for e in entities]


def test_words_far_from_all_entities_are_left_out_of_all_rows():
    words = [f"w{i}" for i in range(200)]
    gold, predicted = sentence_rows(words, {"gold": shown((0, 1)), "predicted": shown((100, 102))})
    kept = [*words[: CONTEXT + 1], "…", *words[100 - CONTEXT : 102 + CONTEXT], "…"]
    assert text_of(gold) == text_of(predicted) == " ".join(kept)


def test_only_the_context_of_the_entities_in_question_is_shown():
    """The entity in question begins at word 100. One that ends nearby is shown in part, and the others are left out."""
    words = [f"w{i}" for i in range(200)]
    gold = shown((20, 22), (70, 95), (100, 101), (180, 182))
    (row,) = sentence_rows(words, {"gold": gold}, [EntitySpan(100, 101, "PER")])
    assert [piece.text for piece in row.pieces] == [
        "…",
        "… w88 w89 w90 w91 w92 w93 w94",
        "w95 w96 w97 w98 w99",
        "w100",
        "w101 w102 w103 w104 w105 w106 w107 w108 w109 w110 w111 w112 …",
    ]
    assert [piece.highlight and piece.highlight.entity for piece in row.pieces] == [
        None, EntitySpan(70, 95, "PER"), None, EntitySpan(100, 101, "PER"), None,
    ]  # fmt: skip


def test_a_long_entity_is_shown_with_its_beginning_and_end():
    words = [f"w{i}" for i in range(200)]
    (row,) = sentence_rows(words, {"gold": shown((0, 200))})
    assert text_of(row) == " ".join([*words[:CONTEXT], "…", *words[-CONTEXT:]])


def test_a_long_sentence_without_entities_is_shown_with_its_beginning():
    words = [f"w{i}" for i in range(200)]
    assert text_of(sentence_rows(words, {"gold": []})[0]) == " ".join([*words[: 2 * CONTEXT], "…"])


def test_an_ellipsis_in_the_corpus_is_kept():
    assert text_of(sentence_rows(["…", "…", "Bill"], {"gold": shown((2, 3))})[0]) == "… … Bill"


def test_overlapping_entities_are_shown_in_additional_rows():
    rows = sentence_rows(["a", "b", "c"], {"gold": shown((0, 2), (1, 3), (2, 3)), "predicted": []})
    marked = [[p.text for p in row.pieces if p.highlight] for row in rows]
    assert [row.name for row in rows] == ["gold", "gold", "predicted"]
    assert marked == [["a b", "c"], ["b c"], []]
