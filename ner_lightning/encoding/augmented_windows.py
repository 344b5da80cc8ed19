"""The windows of training sentences that are augmented anew in every epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from torch.utils.data import Dataset

from ner_lightning.encoding.augmentation import SentenceChange
from ner_lightning.encoding.batches import EncodedWindow, WindowEncoder
from ner_lightning.schemes import IGNORE_INDEX
from ner_lightning.sentences import Sentence

MAX_KEPT = 1024  # sentences: about an epoch of long documents, of which batches take windows in random order


class AugmentedWindows(Dataset[EncodedWindow]):
    """Gives for an epoch and the number of a window what the sentence's augmented form has in its place.

    What comes is a function of seed, epoch and sentence: no rank, batch or worker changes it. Batches are
    planned on the windows of the sentences as they are, of which a sentence keeps its share: the k-th of its
    windows becomes the k-th of its augmented form, and the last one all further ones too, so that every word is
    learned once. A batch may therefore exceed its budget a little.

    The windows of the last sentences that were asked for are kept: else each window of a long one would augment and
    encode the whole of it again. They take no more than those of the same sentences as they are, which their owner
    has anyway.

    Args:
        sentences: The training split.
        num_windows: How many windows each sentence has as it is.
        changes: What is done to a sentence, in this order.
        encoder: Makes the windows.
        seed: Seed of the run.
    """

    def __init__(
        self,
        sentences: Sequence[Sentence],
        num_windows: Sequence[int],
        changes: Sequence[SentenceChange],
        encoder: WindowEncoder,
        seed: int,
    ) -> None:
        self.sentences, self.num_windows, self.changes = sentences, num_windows, changes
        self.encoder, self.seed = encoder, seed
        self.kept: dict[tuple[int, int], list[EncodedWindow]] = {}  # by epoch and sentence, the oldest first
        self.places = [(sentence, k) for sentence, number in enumerate(num_windows) for k in range(number)]

    def __len__(self) -> int:
        return len(self.places)

    def __getitems__(self, keys: Sequence[tuple[int, int]]) -> list[EncodedWindow]:
        """The windows of a batch; the loader asks for all at once, and the tokenizer is faster so."""
        places = [(epoch, *self.places[window]) for epoch, window in keys]
        windows_of = self._windows_of([(epoch, sentence) for epoch, sentence, _ in places])
        return [
            window
            for epoch, sentence, k in places
            for window in self._share(windows_of[epoch, sentence], k, self.num_windows[sentence])
        ]

    def augmented(self, epoch: int, sentence: int) -> Sentence:
        """A sentence, given by its number, as it is in an epoch."""
        random = Random(f"{self.seed} {epoch} {sentence}")  # of a text: numbers near each other give other streams
        changed = self.sentences[sentence]
        for change in self.changes:
            changed = change(changed, random)
        return changed

    def _windows_of(self, wanted: Sequence[tuple[int, int]]) -> dict[tuple[int, int], list[EncodedWindow]]:
        """All windows of augmented sentences, given by epoch and number; each sentence is encoded once."""
        new = [key for key in dict.fromkeys(wanted) if key not in self.kept]
        encoded = self.encoder.encode([self.augmented(*key) for key in new])
        windows_of = {key: self.kept.pop(key) for key in dict.fromkeys(wanted) if key in self.kept}
        windows_of |= {key: windows for key, (_, windows) in zip(new, encoded, strict=True)}
        self.kept |= {key: windows for key, windows in windows_of.items() if self.num_windows[key[1]] > 1}
        for key in list(self.kept)[: max(len(self.kept) - MAX_KEPT, 0)]:
            del self.kept[key]
        return windows_of

    def _share(self, windows: Sequence[EncodedWindow], k: int, number: int) -> Iterator[EncodedWindow]:
        """The windows that stand for the k-th of a sentence that had another number of them.

        Where the sentence has become shorter, the last one comes again with nothing to learn: no batch is empty.
        """
        if k < len(windows):
            yield from windows[k:] if k == number - 1 else windows[k : k + 1]
        else:
            last = windows[-1]
            yield replace(last, labels=(IGNORE_INDEX,) * len(last.labels), word_starts=())
