"""F1 on documents, compared to the same text sentence by sentence, and the time and memory for long texts.

    python benchmarks/documents.py --model runs/wnut17/seed-0/model --test data/wnut17/test.conll

The sentences of a test file are joined by spaces into documents of about 200 and 2,000 words, and into a single one.
Each document is predicted as a raw text and as a list of words, in the same way as by ``predict``.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator, Sequence

from ner_lightning.corpora.column_files import ColumnFiles
from ner_lightning.entities import EntitySpan
from ner_lightning.recognizer import EntityRecognizer, locate
from ner_lightning.sentences import Sentence

Entities = set[tuple[int, int, int, str]]  # text, start and end in characters, entity type


def joined(sentences: Sequence[Sentence]) -> Sentence:
    """Return the words and entities of several sentences as one."""
    words: list[str] = []
    entities: list[EntitySpan] = []
    for sentence in sentences:
        entities += (EntitySpan(e.start + len(words), e.end + len(words), e.entity_type) for e in sentence.entities)
        words += sentence.words
    return Sentence(tuple(words), tuple(entities))


def documents(sentences: Sequence[Sentence], num_words: int) -> Iterator[Sentence]:
    """Yield documents of at least ``num_words`` words, except for the last."""
    document: list[Sentence] = []
    for sentence in sentences:
        document.append(sentence)
        if sum(map(len, document)) >= num_words:
            yield joined(document)
            document = []
    if document:
        yield joined(document)


def located(texts: Sequence[Sentence], spans: Sequence[Sequence[EntitySpan]]) -> Entities:
    return {
        (number, entity.start, entity.end, entity.type)
        for number, (text, found) in enumerate(zip(texts, spans, strict=True))
        for entity in locate(text, found)
    }


def f1(gold: Entities, predicted: Entities) -> float:
    return 200 * len(gold & predicted) / max(len(gold) + len(predicted), 1)


def measure(recognizer: EntityRecognizer, name: str, texts: Sequence[Sentence]) -> None:
    gold = located(texts, [text.entities for text in texts])
    raw = [recognizer.split(text.as_text()[0]) for text in texts]
    began = time.process_time()
    from_raw = f1(gold, located(raw, recognizer.recognize(raw)))
    seconds = time.process_time() - began
    from_words = f1(gold, located(texts, recognizer.recognize(texts)))
    print(f"| {name} | {len(texts):,} | {from_words:.1f} | {from_raw:.1f} | {seconds:.1f} |", flush=True)


def measure_long_text(recognizer: EntityRecognizer, text: str, num_words: int) -> None:
    """Print the time and the peak memory for one text of a number of words."""
    words = text.split()
    repeated = " ".join((words * -(-num_words // len(words)))[:num_words])
    began = time.process_time()
    num_entities = len(recognizer(repeated))
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"| {num_words:,} | {num_entities:,} | {seconds:.1f} | {peak:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="the bundle to measure")
    parser.add_argument("--test", required=True, help="a file of CoNLL columns")
    parser.add_argument(
        "--long", type=int, nargs="*", default=[], metavar="WORDS", help="lengths of long texts to time"
    )
    options = parser.parse_args()
    sentences = ColumnFiles(test=options.test).read().splits["test"]
    recognizer = EntityRecognizer.from_pretrained(options.model)
    print("| text | number | F1 from words | F1 from raw text | CPU seconds |\n|---|---|---|---|---|")
    measure(recognizer, "sentences", sentences)
    for num_words in (200, 2_000):
        measure(recognizer, f"documents of {num_words:,} words", list(documents(sentences, num_words)))
    measure(recognizer, "one document", [joined(sentences)])
    if options.long:
        print("\n| words | entities | CPU seconds | peak GiB |\n|---|---|---|---|")
    for num_words in options.long:
        measure_long_text(recognizer, joined(sentences).as_text()[0], num_words)


if __name__ == "__main__":
    main()
