"""The tokenizer: byte-level BPE, trained on captions and alt-texts.

Every word of a caption comes out as one piece and a name as two to four syllables. A word begins with
its space both in the alt-text and in the caption, so a name has the same pieces in both.
"""
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIAL = ["<pad>", "<eos>", "<image>", "<alt>", "<caption>"]
PAD, EOS, IMAGE, ALT, CAPTION = range(5)


def train(texts, vocab):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocab,
            show_progress=False,
            special_tokens=[AddedToken(s, special=True, normalized=False) for s in SPECIAL],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    return t


def prompt(t, alt):
    """Ids after the image of `<image><alt> {alt_text}<caption>`, or of `<image><alt><caption>`."""
    return [ALT, *(t.encode(" " + alt).ids if alt else []), CAPTION]
