"""Windows of training sentences that are augmented differently in every epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from torch.utils.data import Dataset

from ner_lightning.encoding.augmentation import SentenceChange
from ner_lightning.encoding.batches import EncodedWindow, WindowEncoder
from ner_lightning.encoding.passages import Passage
from ner_lightning.sentences import Sentence

MAX_KEPT = 1024  # sentences, about an epoch of long documents whose windows are used in random order


class AugmentedWindows(Dataset[EncodedWindow]):
    """Maps an epoch and the index of a window to the corresponding window of the augmented passage.

    The result is a function of seed, epoch and passage, and does not depend on rank, batch or worker. Batches are
    planned with the windows of the original passages. The k-th window of a passage becomes the k-th window of its
    augmented form, and the last one is followed by any further ones, so that every word is learned once. A batch may
    therefore exceed its budget a little. Words that are only read around a passage are not augmented.

    The windows of recently used passages are cached, because otherwise a long passage would be augmented and encoded
    again for each of its windows. The cache takes no more memory than the windows of the original passages.

    Args:
        sentences: The training split.
        num_windows: Number of windows of each original passage.
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
        self.passages = encoder.passages(sentences)
        self.kept: dict[tuple[int, int], list[EncodedWindow]] = {}  # by epoch and passage, the oldest first
        self.places = [(passage, k) for passage, number in enumerate(num_windows) for k in range(number)]

    def __len__(self) -> int:
        return len(self.places)

    def __getitems__(self, keys: Sequence[tuple[int, int]]) -> list[EncodedWindow]:
        """Return the windows of a batch; the loader asks for all of them at once, which is faster."""
        places = [(epoch, *self.places[window]) for epoch, window in keys]
        windows_of = self._windows_of([(epoch, passage) for epoch, passage, _ in places])
        return [
            window
            for epoch, passage, k in places
            for window in self._share(windows_of[epoch, passage], k, self.num_windows[passage])
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

    def _augmented_passage(self, epoch: int, passage: int) -> Passage:
        original = self.passages[passage]
        return original.with_sentences([self.augmented(epoch, sentence) for sentence in original.positions])

    def _windows_of(self, wanted: Sequence[tuple[int, int]]) -> dict[tuple[int, int], list[EncodedWindow]]:
        """Return all windows of augmented passages, given by epoch and index; each passage is encoded once."""
        new = [key for key in dict.fromkeys(wanted) if key not in self.kept]
        encoded = self.encoder.encode_passages([self._augmented_passage(*key) for key in new])
        windows_of = {key: self.kept.pop(key) for key in dict.fromkeys(wanted) if key in self.kept}
        windows_of |= {key: windows for key, (_, windows) in zip(new, encoded, strict=True)}
        self.kept |= {key: windows for key, windows in windows_of.items() if self.num_windows[key[1]] > 1}
        for key in list(self.kept)[: max(len(self.kept) - MAX_KEPT, 0)]:
            del self.kept[key]
        return windows_of

    def _share(self, windows: Sequence[EncodedWindow], k: int, number: int) -> Iterator[EncodedWindow]:
        """Return the augmented windows that replace the k-th original window.

        If the augmented passage has fewer windows, its last window is repeated without labels, so that no batch is
        empty.
        """
        if k < len(windows):
            yield from windows[k:] if k == number - 1 else windows[k : k + 1]
        else:
            yield windows[-1].without_owned_words()
