"""Makes the golden files of this folder with the reference library.

    pip install tokenizers==0.22.2 sentencepiece==0.2.3
    python gen.py                              # all files of this folder
    python gen.py only NAME...                 # those of these names
    python gen.py FILE FOLDER/NAME N           # one tokenizer.json and its goldens, with N random texts

NAME.json is a tokenizer.json, NAME.golden.json.gz what the reference makes of the
texts below: ids without and with the post-processor's tokens, the pieces of the
pre-tokenizer, and the text of ids, without and with special tokens. The
tokenizers are trained here and are small; training is not repeatable to the
byte, so a new run changes NAME.json as well.
"""

import gzip
import json
import pathlib
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, __version__
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

assert __version__ == "0.22.2", __version__
HERE = pathlib.Path(__file__).parent

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
GPT2_SHORT = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CL100K = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

# Texts that have tripped tokenizers: each line of the list aims at one thing.
TEXTS = [
    "", " ", "  ", "   ", "\n", "\n\n", " \n", "\n ", "\r\n", "\t", "a", " a", "a ", "  a", "a  b", "a   b  ",
    "Describe the image in one sentence.", "What does the image describe?",
    "The alt-text was 'a red square'. Don't copy it; it's wrong!",
    "I'll say we've done what they're told: he'd, I'm, it's, can't",
    "I'LL SAY WE'VE DONE WHAT THEY'RE TOLD: HE'D, I'M, IT'S, CAN'T",
    "'S 'T 'RE 'VE 'M 'LL 'D 's't're've'm'll'd 'x 'l 'v '", "it'ſ 'ſa \u2019s don\u2019t", "'sa 'rea 'llx '3 ' s",
    "0 1 12 123 1234 12345 3.14 1,000,000 2024-01-31 a1b2c3 007", "١٢٣ ४५६ ½ ⅷ ² ① 一二三 𝟙𝟚𝟛",
    "line one\nline two\r\nline three\n\n\nline four   \n   indented\n\ttab\n \n x", "end with blanks   \n\n   ",
    "\n \n\n  \n", "a\n\n b", "a \n b", "!\n\n!", "!!!\r\n\r\n???", " \u00a0a\u00a0 b\u3000c\u2003\u2003d\u200be\ufefff\u0085g\u2028h",
    "x\u0000y\u0001z\u007f\u001b[0m\u009f", "\u0000", "\u000b\u000c\u001c\u001d\u001e\u001f",
    "emoji 😀😃🎉 and 👩\u200d👩\u200d👧\u200d👦 and 🏳\ufe0f\u200d🌈 and 👍🏽 and 🇩🇪🇫🇷 and 1\ufe0f\u20e3", "😀", "\u200d", "a😀b 😀c",
    "caf\u00e9 cafe\u0301 re\u0301sume\u0301 n\u0303 A\u030a \u212b \u1e9b\u0323 q\u0307\u0323", "\u0301a \u0301", "e\u0301\u0301\u0327\u0327",
    "a" + "\u0301" * 40 + "b", "a" + "\u0327\u0301" * 20, "\u1100\u1161\u11a8 \uac00\u11a8 \u0958 \u2126 \u0344",
    "漢字かな交じり文。カタカナ、ﾊﾝｶｸ。中文字符，标点！한국어 문장입니다.", "日本語english混在123テスト",
    "مرحبا بالعالم، هذا نص ١٢٣", "שלום עולם", "שָׁלוֹם", "สวัสดีชาวโลก", "नमस्ते दुनिया", "\u202eabc\u202c \u2066x\u2069",
    "Привет, мир! Ёлка", "ΑΒΓ αβγ ΐ", "Ǆ ǅ ǆ ß ẞ İ ı ﬁ ﬀ", "naïve façade — “quotes” … ‘single’ «guillemets»",
    "\U0001e900\U0001e922 \U0001d400 \U00020000\U0002ebf0 \U00010d40\U00010d50 \ua7cb \U00011de0",
    "\ue000 \uffff \ufffd \U0010ffff \ufdd0", "https://example.org/a_b?c=d&e=%20f#g user@example.org", "C:\\path\\file.txt",
    "def f(x):\n    return x**2  # square\n", "<p class=\"x\">text</p>", "$1,234.50 50% #tag @name a/b a_b a-b __init__", "(((( ))))", "........", "- - -",
    "=" * 100, "a" * 1000, "ab" * 300, "Ж" * 200, "漢" * 200, "7" * 100, " " * 100, "x " * 50, "\n" * 50, "!?" * 40, "supercalifragilisticexpialidocious" * 8,
    # tokens inside of text
    "<|endoftext|>", "a<|endoftext|>b", "a <|endoftext|> b", "<|endoftext|><|endoftext|>", "<|endoftext", "<|im_start|>user\nhi<|im_end|>\n",
    "<|im_start|>", "<image>", "<image><image> <image>\n", "<row_1_col_1><row_1_col_12>", "<row_1_col_1>2>", "<s>a</s>", "<s> a </s>", "  <mask>  x", "a <mask>.", "a<mask>b",
    "<pad> <unk> <mask><mask>", "  <left>  ", "  <right>  x", "a  <both>\n\n b", "<right>  <left>", "<right> <both> <left>", "word", "words sword word, word", "wordword word1 1word _word",
    "é word\u0301 wordé", "loc loclong locl loclongx loclonglong", "<|Norm\u00e9|> <|Norme\u0301|>", "<my token> <my tokens>", "a<gap> \t <gap>b", "héllo h\u00e9llo he\u0301llo",
    "<s>", "</s>", "<left>", "<right>", "<both>", " <left>", "<right> ", "<left><right>", "<raw\u00e9>", "word word", "word\u200dx", "<ws> \t<ws>",
]

SENTENCES = """
a large red circle is to the left of a small blue square on a striped background.
The picture shows two green triangles, one above the other; there's a yellow star in the corner.
A photo of 3 people who're standing next to a car from 1967, 2 dogs and 10 balloons in front of it.
It's a close-up of a woman's hand holding an open book, I'd say. Don't you think we've seen it? I'm sure they'll know.
Describe the image in one sentence. What does the image describe? Answer: the image describes a scene with shapes.
Ein großer roter Kreis liegt links neben einem kleinen blauen Quadrat. Un grand cercle rouge à gauche d'un petit carré bleu, déjà vu.
Большой красный круг слева от маленького синего квадрата. 大きな赤い円が小さな青い四角の左にあります。一个大红色圆圈在小蓝色正方形的左边。
큰 빨간 원이 작은 파란 사각형 왼쪽에 있습니다. دائرة حمراء كبيرة على يسار مربع أزرق صغير. 😀😀🎉🎉 👍👍
    return x + 1\n\n\n        if value == 100:\n\t\tprint("hello world")\r\n   hello   hello   word words
""" * 4

ALPHABET = list("aaabcdeLStrvm'''\"  \n\n\r\t.,!?-_<>|0123459()[]") + [
    "'s", "'LL", "'Re", "é", "\u0301", "\u0327", "ſ", "ß", "Ж", "漢", "の", "ا", "१", "½", "²", "😀", "\u200d", "\ufe0f", "\u00a0", "\u3000", "\u2028", "\u0085", "\u0000",
    "\ud7a3", "\u1100", "\u1161", "word", "the ", " circle", "<|endoftext|>", "<|im_start|>", "<image>", "<mask>", "<left>", "<right>", "<both>", "loc", "loclong", "<s>", "</s>", "<ws>",
]


def random_texts(n, seed):
    r = random.Random(seed)
    out = []
    for _ in range(n):
        some = r.sample(ALPHABET, r.randint(2, len(ALPHABET)))
        out.append("".join(r.choice(some) for _ in range(r.randint(1, 40))))
    for _ in range(n // 10):
        out.append("".join(chr(c) for c in (r.randrange(0x3000) if r.random() < 0.7 else r.randrange(0x30000) for _ in range(r.randint(1, 30)))
                           if not 0xD800 <= c < 0xE000))
    return out


def goldens(tok, random_count, seed=1):
    texts = TEXTS + random_texts(random_count, seed)
    encode = []
    for t in texts:
        e = {"text": t, "ids": tok.encode(t, add_special_tokens=False).ids}
        special = tok.encode(t, add_special_tokens=True).ids
        if special != e["ids"]:
            e["special"] = special
        if tok.pre_tokenizer is not None:
            e["pieces"] = [p for p, _ in tok.pre_tokenizer.pre_tokenize_str(t)]
        encode.append(e)
    r = random.Random(seed + 1)
    ids = sorted(set(tok.get_vocab().values()))
    runs = [e["ids"] for e in encode if len(e["ids"]) < 80]
    single = [i for i in ids if len(tok.id_to_token(i)) == 1]
    for n in [1, 2, 3, 4, 8, 20, 40]:
        for _ in range(4 + random_count // 40):
            runs.append([r.choice(ids) for _ in range(n)])
            if single:
                runs.append([r.choice(single) for _ in range(n)])  # mostly broken UTF-8
    runs += [[ids[-1] + 1], [ids[-1] + 1, ids[0], ids[-1] + 100]]
    for e in encode:  # characters that lack their first or last byte
        if 2 < len(e["ids"]) < 30:
            runs += [e["ids"][1:], e["ids"][:-1]]
    decode = []
    for run in runs:
        d = {"ids": run, "text": tok.decode(run)}
        special = tok.decode(run, skip_special_tokens=False)
        if special != d["text"]:
            d["special"] = special
        decode.append(d)
    return {
        "vocab_size": tok.get_vocab_size(),
        "encode": encode,
        "decode": decode,
    }


def write(path, value):
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)


def train(tok, size, special=(), alphabet=True):
    trainer = trainers.BpeTrainer(
        vocab_size=size, show_progress=False, special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if alphabet else [])
    tok.train_from_iterator(SENTENCES.split("\n"), trainer)
    return tok


def isolated(expr, **settings):
    return pre_tokenizers.Split(Regex(expr), behavior="isolated", **settings)


def gpt2():
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = decoders.ByteLevel()
    tok.post_processor = processors.ByteLevel(trim_offsets=False)
    return train(tok, 700, ["<|endoftext|>"])


def gpt2_short():
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.Sequence([])
    tok.pre_tokenizer = pre_tokenizers.Sequence([isolated(GPT2_SHORT), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Fuse(), decoders.Replace("circle", "CIRCLE!")])
    return train(tok, 320, ["<|endoftext|>"])


def qwen2():
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([isolated(QWEN2, invert=False), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    tok.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    train(tok, 700)
    tok.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tok.add_tokens([AddedToken("<|Normé|>", normalized=True), AddedToken("<tool_call>", normalized=False)])
    return tok


def llama3():
    tok = Tokenizer(models.BPE(ignore_merges=True))
    tok.pre_tokenizer = pre_tokenizers.Sequence([isolated(CL100K), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    train(tok, 500)
    tok.add_special_tokens(["<|endoftext|>", "<|begin_of_text|>", "<image>"])
    tok.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(
            single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
            special_tokens=[("<|begin_of_text|>", tok.token_to_id("<|begin_of_text|>"))])])
    tok.enable_truncation(7)
    tok.enable_padding(pad_id=3, length=12)
    return tok


def smollm():
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tok.decoder = decoders.ByteLevel()
    train(tok, 600, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tok.add_special_tokens(["<image>", "<row_1_col_1>", "<row_1_col_12>", "<end_of_utterance>"])
    return tok


def bart():
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = decoders.ByteLevel()
    train(tok, 500, ["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True, special=True)])
    tok.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    return tok


def prefix():
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.ByteLevel(add_prefix_space=True), pre_tokenizers.Digits()])
    tok.decoder = decoders.ByteLevel()
    train(tok, 400, ["<s>", "</s>"])
    tok.post_processor = processors.BertProcessing(("</s>", 1), ("<s>", 0))
    return tok


def added():
    """Added tokens of every setting; a text may hold several that overlap."""
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.Sequence([normalizers.NFC()])
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tok.decoder = decoders.ByteLevel()
    train(tok, 300)
    tok.add_tokens([
        AddedToken("<left>", lstrip=True, normalized=False), AddedToken("<right>", rstrip=True, normalized=False),
        AddedToken("<both>", lstrip=True, rstrip=True), AddedToken("word", single_word=True),
        AddedToken("loc", normalized=False), AddedToken("loclong", normalized=False), AddedToken("<my token>", normalized=True),
        AddedToken("héllo", normalized=True, single_word=True), AddedToken("<rawé>", normalized=False), AddedToken("<gap>", rstrip=True, normalized=True),
        AddedToken("<ws>", rstrip=True, normalized=False), AddedToken("\t", normalized=False), AddedToken("漢字", normalized=True, special=True)])
    tok.add_special_tokens([AddedToken("<image>", single_word=True), AddedToken("<mask>", lstrip=True, rstrip=True)])
    return tok


CLIP = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def clip(expr=CLIP):
    """As in openai/clip-vit-base-patch32: the vocabulary has each byte alone and at a word's end."""
    tok = Tokenizer(models.BPE(unk_token="<|endoftext|>", continuing_subword_prefix="", end_of_word_suffix="</w>", fuse_unk=False))
    tok.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(expr), behavior="removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=900, show_progress=False, end_of_word_suffix="</w>", initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tok.train_from_iterator(SENTENCES.split("\n"), trainer)
    model = json.loads(tok.to_str())["model"]
    merges = [tuple(m) for m in model["merges"]]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = alphabet + [c + "</w>" for c in alphabet] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    vocab = {w: i for i, w in enumerate(dict.fromkeys(words))}
    tok.model = models.BPE(
        vocab=vocab, merges=merges, unk_token="<|endoftext|>", continuing_subword_prefix="", end_of_word_suffix="</w>", fuse_unk=False)
    tok.add_special_tokens([AddedToken("<|startoftext|>", normalized=True), AddedToken("<|endoftext|>", normalized=False)])
    tok.post_processor = processors.RobertaProcessing(
        ("<|endoftext|>", vocab["<|endoftext|>"]), ("<|startoftext|>", vocab["<|startoftext|>"]), trim_offsets=False, add_prefix_space=False)
    return tok


def clip_holes():
    """A vocabulary that lacks characters, so that some become the unknown token."""
    tok = clip(r"<\|startoftext\|>|<\|endoftext\|>|" + CLIP)
    model = json.loads(tok.to_str())["model"]
    gone = {"x", "y</w>", "!", "é</w>", "Ã", "Ð", "ł</w>"}
    alphabet = set(pre_tokenizers.ByteLevel.alphabet())
    known = (alphabet | {c + "</w>" for c in alphabet}) - gone
    merges = []
    for left, right in model["merges"]:
        if left in known and right in known:
            merges.append((left, right))
            known.add(left + right)
    words = [w for w in sorted(model["vocab"], key=model["vocab"].get) if w in known or w.startswith("<|")]
    vocab = {w: i for i, w in enumerate(words)}
    tok.model = models.BPE(
        vocab=vocab, merges=merges, unk_token="<|endoftext|>", continuing_subword_prefix="", end_of_word_suffix="</w>", fuse_unk=False)
    raw = json.loads(tok.to_str())
    for t in raw["added_tokens"]:
        t["id"] = vocab[t["content"]]
    for side in ("cls", "sep"):
        raw["post_processor"][side][1] = vocab[raw["post_processor"][side][0]]
    return Tokenizer.from_str(json.dumps(raw))


# Some rules of SentencePiece, of which one is the beginning of another.
RULES = {"\uff21": "A", "\ufb01": "fi", "e\u0301": "\u00e9", "\u00a0": " ", "\u2026": "...", "\u200d": "", "\u00bd": "1/2", "\u6f22": "kan", "\u2460": "1",
         "n\u0303": "\u00f1", "\t": " ", "\n": " ", "\r": " ", "\u3000": " ", "q": "k", "q\u0307": "Q"}


def charsmap():
    """The rules as SentencePiece compiles them."""
    import io
    import tempfile
    import sentencepiece
    with tempfile.TemporaryDirectory() as d:
        rules = pathlib.Path(d) / "rules.tsv"
        rules.write_text("".join("%s\t%s\n" % (" ".join("%X" % ord(c) for c in k), " ".join("%X" % ord(c) for c in v)) for k, v in RULES.items()))
        out = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(SENTENCES.split("\n")), model_writer=out, vocab_size=400, hard_vocab_limit=False, minloglevel=2, normalization_rule_tsv=str(rules))
    proto = out.getvalue()
    # ModelProto.normalizer_spec is field 3, its precompiled_charsmap field 2.
    def varint(b, i):
        n = shift = 0
        while True:
            n |= (b[i] & 127) << shift
            i, shift = i + 1, shift + 7
            if b[i - 1] < 128:
                return n, i
    def fields(b):
        i = 0
        while i < len(b):
            tag, i = varint(b, i)
            kind = tag & 7
            if kind == 0:
                v, i = varint(b, i)
            else:
                n, i = {1: (8, i), 5: (4, i)}.get(kind) or varint(b, i)
                v, i = b[i:i + n], i + n
            yield tag >> 3, v
    spec = next(v for k, v in fields(proto) if k == 3)
    return next(v for k, v in fields(spec) if k == 2)


def siglip(charsmap_of=charsmap):
    """In the manner of SigLIP: the texts in lower case and without punctuation, cut by the unigram model."""
    tok = Tokenizer(models.Unigram())
    tok.normalizer = normalizers.Sequence([
        normalizers.Lowercase(), normalizers.Replace(Regex(r"""[!"#$%&'\(\)\*\+,\-.:;=?@\[\\\]\^_`{\|}~]"""), ""), normalizers.Replace(Regex(r"\s+"), " "),
        normalizers.Strip(), normalizers.Precompiled(charsmap_of()), normalizers.Replace(Regex(" {2,}"), " ")])
    tok.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")
    tok.decoder = decoders.Metaspace(replacement="\u2581", prepend_scheme="always")
    trainer = trainers.UnigramTrainer(vocab_size=300, show_progress=False, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>")
    tok.train_from_iterator(SENTENCES.split("\n"), trainer)
    tok.add_special_tokens([AddedToken("</s>", lstrip=True, rstrip=True, normalized=False), AddedToken("<unk>", lstrip=True, rstrip=True, normalized=False)])
    tok.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    return tok


def t5():
    """Blanks cut first, blanks at both ends of a text kept, no mark before it."""
    tok = siglip()
    tok.normalizer = normalizers.Precompiled(charsmap())
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="never", split=False)])
    tok.decoder = decoders.Metaspace(replacement="\u2581", prepend_scheme="never")
    return tok


def chars(fuse, pre, decoder):
    """No bytes: characters the vocabulary doesn't know become <unk>."""
    tok = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=fuse))
    tok.pre_tokenizer = pre
    if decoder:
        tok.decoder = decoder
    trainer = trainers.BpeTrainer(vocab_size=160, show_progress=False, special_tokens=["<unk>"], limit_alphabet=60)
    tok.train_from_iterator(SENTENCES.split("\n"), trainer)
    return tok


def split(pattern, behavior, invert=False):
    return pre_tokenizers.Split(pattern, behavior=behavior, invert=invert)


ALL = {
    "gpt2": (gpt2, 60), "gpt2_short": (gpt2_short, 40), "qwen2": (qwen2, 60), "llama3": (llama3, 60), "smollm": (smollm, 60), "bart": (bart, 30),
    "prefix": (prefix, 30), "added": (added, 120), "clip": (clip, 120), "clip_holes": (clip_holes, 60), "siglip": (siglip, 120), "t5": (t5, 60),
    "chars_unk": (lambda: chars(False, split(" ", "merged_with_next"), None), 10),
    "chars_fuse": (lambda: chars(True, split(" ", "merged_with_previous"), decoders.Fuse()), 10),
    "chars_removed": (lambda: chars(True, split("a", "removed"), decoders.Sequence([decoders.Replace("e", "_e_"), decoders.Fuse()])), 10),
    "chars_inverted": (lambda: chars(False, split(" ", "merged_with_next", invert=True), None), 10),
    "chars_contiguous": (lambda: chars(False, split("a", "contiguous", invert=True), None), 10),
    "chars_regex": (lambda: chars(False, pre_tokenizers.Sequence([split(Regex(GPT2), "merged_with_previous"), split("r", "isolated", invert=True)]), None), 10),
}


def write_classes():
    """classes.json: the code points of each class, as runs [first, last]."""
    def runs(points):
        out = []
        for c in points:
            if out and out[-1][1] == c - 1:
                out[-1][1] = c
            else:
                out.append([c, c])
        return out

    points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    out = {}
    for name, expr in [("letter", r"\p{L}"), ("number", r"\p{N}"), ("space", r"\s")]:
        only = pre_tokenizers.Split(Regex(expr), "removed", invert=True)
        out[name] = runs(c for c in points if only.pre_tokenize_str(chr(c)))
    digits = pre_tokenizers.Digits(individual_digits=True)
    out["numeric"] = runs(c for c in points if len(digits.pre_tokenize_str("a" + chr(c))) == 2)
    tok = Tokenizer(models.BPE(vocab={"a": 0}, merges=[]))
    tok.add_tokens([AddedToken("\ue000", single_word=True, normalized=False)])
    out["word"] = runs(c for c in points if not 1 in tok.encode(chr(c) + "\ue000").ids)
    write(HERE / "classes.json", out)


def write_lower():
    """lower.json.gz: every code point that lower case changes, and into what."""
    lower = normalizers.Lowercase()
    points = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    write(HERE / "lower.json.gz", {c: lower.normalize_str(c) for c in points if lower.normalize_str(c) != c})


def main():
    only = sys.argv[2:] if sys.argv[1:2] == ["only"] else list(ALL)
    if len(sys.argv) > 1 and sys.argv[1] != "only":
        path, out, count = sys.argv[1:]
        out = pathlib.Path(out)
        write(out.with_suffix(".golden.json.gz"), goldens(plain(Tokenizer.from_file(path)), int(count)))
        out.with_suffix(".json").write_bytes(pathlib.Path(path).read_bytes())
        return
    for name, (make, count) in ALL.items():
        if name not in only:
            continue
        tok = make()
        path = HERE / (name + ".json")
        tok.save(str(path), pretty=False)
        if name in ("gpt2", "bart"):  # files of their time
            old = json.loads(path.read_text(encoding="utf-8"))
            old["model"]["merges"] = ["#version: 0.2"] + [" ".join(m) for m in old["model"]["merges"]]
            old["model"].update(continuing_subword_prefix="", end_of_word_suffix="")
            for field in ("type", "byte_fallback", "ignore_merges"):
                del old["model"][field]
            del old["pre_tokenizer"]["use_regex"]
            write(path, old)
        write(HERE / (name + ".golden.json.gz"), goldens(plain(Tokenizer.from_file(str(path))), count))
    if len(only) == len(ALL):
        write_classes()
    write_lower()


def plain(tok):
    tok.no_truncation()
    tok.no_padding()
    return tok


main()
