"""Tiny tokenizers built like those of well-known families of encoders, without a download."""

import json
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TEXT = (
    "John lives in New York City . ( 12 a , 345 b )",
    "Mira Kolbe left Tarnby for the lake in May .",
    "The city of Varhaven is in Dorvaland , said Ana .",
)
BERT_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ROBERTA_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BLOOM_PATTERN = r" ?[^(\s|[.,!?…。，、।۔،])]+"


def byte_level(*, special: Sequence[str], pattern: str | None = None, add_prefix_space: bool = False) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    space = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space, use_regex=pattern is None)
    split = [] if pattern is None else [pre_tokenizers.Split(Regex(pattern), "isolated")]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*split, space])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=list(special), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXT * 5, trainer)
    return tokenizer


def gemma() -> Tokenizer:
    """Merges learned within words, as SentencePiece does, and applied to whole texts."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    learned = Tokenizer(models.BPE(unk_token="<unk>"))
    learned.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    characters = sorted({character for text in TEXT for character in text.replace(" ", "\u2581")})
    learned.train_from_iterator(
        TEXT * 5,
        trainers.BpeTrainer(vocab_size=150, special_tokens=special, initial_alphabet=characters, show_progress=False),
    )
    learned.normalizer = normalizers.Replace(" ", "\u2581")
    learned.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    learned.decoder = decoders.Replace("\u2581", " ")
    return learned


def word_pieces(lowercase: bool = True) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=120, special_tokens=list(BERT_SPECIAL), show_progress=False)
    tokenizer.train_from_iterator(TEXT * 5, trainer)
    return tokenizer


def unigram(special: Sequence[str], unknown: str) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(
        TEXT * 5,
        trainers.UnigramTrainer(vocab_size=100, special_tokens=list(special), unk_token=unknown, show_progress=False),
    )
    return tokenizer


def framed(tokenizer: Tokenizer, frame: str) -> Tokenizer:
    names = [name for name in frame.split() if name != "$A"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=frame, special_tokens=[(name.split(":")[0], tokenizer.token_to_id(name.split(":")[0])) for name in names]
    )
    return tokenizer


BERT_NAMES = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
ROBERTA_NAMES = {"pad": "<pad>", "unk": "<unk>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}


LLAMA_SPECIAL = ("<|begin_of_text|>", "<|end_of_text|>", "<|pad|>", "<|mask|>")
BLOOM_SPECIAL = ("<unk>", "<s>", "</s>", "<pad>")
LLAMA_NAMES = dict(zip(("bos", "eos", "pad", "mask"), LLAMA_SPECIAL, strict=True))
BUILDERS: dict[str, tuple[Callable[[], Tokenizer], str | None, dict[str, str]]] = {  # with frame and special tokens
    "bert": (word_pieces, "[CLS] $A [SEP]", BERT_NAMES),
    "roberta": (lambda: byte_level(special=ROBERTA_SPECIAL), "<s> $A </s>", ROBERTA_NAMES),
    "xlm-roberta": (lambda: unigram(ROBERTA_SPECIAL, "<unk>"), "<s> $A </s>", ROBERTA_NAMES),
    "deberta-v3": (lambda: unigram(BERT_SPECIAL, "[UNK]"), "[CLS] $A [SEP]", BERT_NAMES),
    "xlnet": (lambda: unigram(BERT_SPECIAL, "[UNK]"), "$A [SEP] [CLS]:2", BERT_NAMES),
    "t5": (
        lambda: unigram(("<pad>", "</s>", "<unk>"), "<unk>"),
        "$A </s>",
        {"pad": "<pad>", "unk": "<unk>", "eos": "</s>"},
    ),
    "modernbert": (lambda: byte_level(special=BERT_SPECIAL), "[CLS] $A [SEP]", BERT_NAMES),
    "eurobert": (
        lambda: byte_level(special=LLAMA_SPECIAL, pattern=LLAMA_3),
        "<|begin_of_text|> $A <|end_of_text|>",
        LLAMA_NAMES,
    ),
    "llama": (
        lambda: byte_level(special=LLAMA_SPECIAL[:2], pattern=LLAMA_3),
        "<|begin_of_text|> $A",
        {key: LLAMA_NAMES[key] for key in ("bos", "eos")},
    ),
    "bloom": (
        lambda: byte_level(special=BLOOM_SPECIAL, pattern=BLOOM_PATTERN),
        None,
        dict(zip(("unk", "bos", "eos", "pad"), BLOOM_SPECIAL, strict=True)),
    ),
    "gemma": (gemma, "<bos> $A <eos>", {"pad": "<pad>", "eos": "<eos>", "bos": "<bos>", "unk": "<unk>"}),
}


@cache
def saved_tokenizer(name: str) -> str:
    """Return a folder with the tokenizer of a family."""
    build, frame, special = BUILDERS[name]
    tokenizer = build()
    if frame is not None:
        framed(tokenizer, frame)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    tokenizer.save(str(folder / "tokenizer.json"))
    classes = {"roberta": "RobertaTokenizerFast"}
    settings = {
        "tokenizer_class": classes.get(name, "PreTrainedTokenizerFast"),
        "model_max_length": 64,
        **{f"{key}_token": token for key, token in special.items()},
    }
    if name == "xlnet":
        settings["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return str(folder)
