"""Windows of training sentences that are augmented differently in every epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from torch.utils.data import Dataset

from ner_lightning.encoding.augmentation import SentenceChange
from ner_lightning.encoding.batches import EncodedWindow, WindowEncoder
from ner_lightning.schemes import IGNORE_INDEX
from ner_lightning.sentences import Sentence

MAX_KEPT = 1024  # sentences, about an epoch of long documents whose windows are used in random order


class AugmentedWindows(Dataset[EncodedWindow]):
    """Maps an epoch and the index of a window to the corresponding window of the augmented sentence.

    The result is a function of seed, epoch and sentence, and does not depend on rank, batch or worker. Batches are
    planned with the windows of the original sentences. The k-th window of a sentence becomes the k-th window of its
    augmented form, and the last one is followed by any further ones, so that every word is learned once. A batch may
    therefore exceed its budget a little.

    The windows of recently used sentences are cached, because otherwise a long sentence would be augmented and encoded
    again for each of its windows. The cache takes no more memory than the windows of the original sentences.

    Args:
        sentences: The training split.
        num_windows: Number of windows of each original sentence.
        changes: Changes that are made to a sentence, in this order.
        encoder: Turns sentences into windows.
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
        """Return the windows of a batch; the loader asks for all of them at once, which is faster."""
        places = [(epoch, *self.places[window]) for epoch, window in keys]
        windows_of = self._windows_of([(epoch, sentence) for epoch, sentence, _ in places])
        return [
            window
            for epoch, sentence, k in places
            for window in self._share(windows_of[epoch, sentence], k, self.num_windows[sentence])
        ]

    def augmented(self, epoch: int, sentence: int) -> Sentence:
        """Return a sentence, given by its index, as it is augmented in an epoch."""
        random = Random(
            f"{self.seed} {epoch} {sentence}"
        )  # a text, because similar integers would give similar streams
        changed = self.sentences[sentence]
        for change in self.changes if not changed.unannotated else ():  # a change would move the unannotated words
            changed = change(changed, random)
        return changed

    def _windows_of(self, wanted: Sequence[tuple[int, int]]) -> dict[tuple[int, int], list[EncodedWindow]]:
        """Return all windows of augmented sentences, given by epoch and index; each sentence is encoded once."""
        new = [key for key in dict.fromkeys(wanted) if key not in self.kept]
        encoded = self.encoder.encode([self.augmented(*key) for key in new])
        windows_of = {key: self.kept.pop(key) for key in dict.fromkeys(wanted) if key in self.kept}
        windows_of |= {key: windows for key, (_, windows) in zip(new, encoded, strict=True)}
        self.kept |= {key: windows for key, windows in windows_of.items() if self.num_windows[key[1]] > 1}
        for key in list(self.kept)[: max(len(self.kept) - MAX_KEPT, 0)]:
            del self.kept[key]
        return windows_of

    def _share(self, windows: Sequence[EncodedWindow], k: int, number: int) -> Iterator[EncodedWindow]:
        """Return the augmented windows that replace the k-th original window.

        If the augmented sentence has fewer windows, its last window is repeated without labels, so that no batch is
        empty.
        """
        if k < len(windows):
            yield from windows[k:] if k == number - 1 else windows[k : k + 1]
        else:
            last = windows[-1]
            yield replace(last, labels=(IGNORE_INDEX,) * len(last.labels), word_starts=())
