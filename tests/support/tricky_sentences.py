"""Sentences in several languages that formats and word splitters get wrong easily."""

from ner_lightning.entities import EntitySpan
from ner_lightning.sentences import Sentence


def _sentence(words: str, *entities: tuple[int, int, str], **names: str) -> Sentence:
    return Sentence(tuple(words.split("/")), tuple(EntitySpan(*entity) for entity in entities), **names)


TRICKY_SENTENCES = (
    _sentence("Mira/Kolbe/left/Tarnby/.", (0, 2, "PER"), (3, 4, "LOC"), document_id="d1", id="d1-1"),
    _sentence("no/entity/here", document_id="d1", id="d1-2"),
    _sentence("王/小禾/住/在/北港/。", (0, 2, "PER"), (4, 5, "LOC"), document_id="d2", id="d2-1"),
    _sentence("ذهبت/مريم/إلى/القاهرة/.", (1, 2, "PER"), (3, 4, "LOC"), document_id="d2", id="d2-2"),
    _sentence("मीरा/दिल्ली/में/रहती/है/।", (0, 1, "PER"), (1, 2, "LOC"), document_id="d3", id="d3-1"),
    _sentence("🔥/👩‍🚀/Al/Kolbe/🔥/in/Tarnby", (2, 4, "PER"), (6, 7, "LOC"), document_id="d3", id="d3-2"),
    _sentence("PER/LOC/adjacent", (0, 1, "PER"), (1, 2, "PER"), document_id="d4", id="d4"),
    _sentence('"/#/(/\\/|/*/_/[/]/{/}/<b>/&/%', (0, 3, "A_B-C"), (4, 6, "A.B"), document_id="d5", id="d5-1"),
    _sentence("#hash/T1/1/-/LRB", (0, 1, "x"), (4, 5, "ÄÖ"), document_id="d5", id="d5-2"),
)
