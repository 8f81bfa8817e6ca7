"""Makes testdata/tiny: a captioner with random weights in the public layout, and goldens by PyTorch.

    python gen.py [SEED]     without a seed, the best of 60 is looked for; 14 is what is there
                             (torch 2.15.0, onnx 1.23.2, onnxruntime 1.29.0, tokenizers 0.22.2, pillow, numpy)

The weights are rounded to half precision and stored so; arithmetic is float32. decoder_model_merged_keep takes
num_logits_to_keep, decoder_model_merged_fp16 has a cache of float16, vision_encoder_one takes one picture a run.
"""
import io, json, math, pathlib, random, sys
import numpy as np, onnx, torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

OUT = pathlib.Path(__file__).parent / "tiny"
SIDE, PATCH, D, HEADS, KV, HD, FFN, LAYERS, VOCAB = 32, 8, 32, 4, 2, 8, 48, 2, 320
PAD, EOS, IMAGE = 0, 1, 2
F = torch.nn.functional


class Norm(torch.nn.Module):
    def __init__(s):
        super().__init__()
        s.weight = torch.nn.Parameter(torch.ones(D))

    def forward(s, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * s.weight


def rope(x, pos):
    f = 1.0 / 10000 ** (torch.arange(0, HD, 2).float() / HD)
    a = pos[:, None, :, None].float() * f
    c, s = torch.cat([a.cos(), a.cos()], -1), torch.cat([a.sin(), a.sin()], -1)
    return x * c + torch.cat([-x[..., HD // 2:], x[..., :HD // 2]], -1) * s


class Layer(torch.nn.Module):
    def __init__(s):
        super().__init__()
        L = lambda i, o: torch.nn.Linear(i, o, bias=False)
        s.n1, s.n2 = Norm(), Norm()
        s.q, s.k, s.v, s.o = L(D, HEADS * HD), L(D, KV * HD), L(D, KV * HD), L(HEADS * HD, D)
        s.gate, s.up, s.down = L(D, FFN), L(D, FFN), L(FFN, D)

    def forward(s, x, pos, bias, past):
        B, S = x.shape[:2]
        h = s.n1(x)
        q, k, v = (f(h).view(B, S, -1, HD).transpose(1, 2) for f in (s.q, s.k, s.v))
        q, k = rope(q, pos), rope(k, pos)
        k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        kk, vv = k.repeat_interleave(HEADS // KV, 1), v.repeat_interleave(HEADS // KV, 1)
        a = torch.softmax(q @ kk.transpose(2, 3) / math.sqrt(HD) + bias, -1) @ vv
        x = x + s.o(a.transpose(1, 2).reshape(B, S, HEADS * HD))
        h = s.n2(x)
        return x + s.down(F.silu(s.gate(h)) * s.up(h)), (k, v)


class Vision(torch.nn.Module):
    def __init__(s):
        super().__init__()
        s.patch = torch.nn.Conv2d(3, D, PATCH, PATCH)
        s.mix = torch.nn.Linear(D, D)

    def forward(s, pixel_values):
        x = s.patch(pixel_values).flatten(2).transpose(1, 2)
        return x + torch.tanh(s.mix(x))


class Decoder(torch.nn.Module):
    """mode: "" all logits, "keep" with num_logits_to_keep, "fp16" with a cache of float16."""

    def __init__(s, mode):
        super().__init__()
        s.mode = mode
        s.layers = torch.nn.ModuleList(Layer() for _ in range(LAYERS))
        s.norm, s.head = Norm(), torch.nn.Linear(D, VOCAB, bias=False)

    def forward(s, x, mask, pos, *past):
        keep = None
        if s.mode == "keep":
            keep, past = past[0], past[1:]
        S, T = x.shape[1], mask.shape[1]
        q, k = torch.arange(T)[T - S:, None], torch.arange(T)[None]
        ok = (k <= q)[None, None] & (mask[:, None, None, :] > 0)
        bias = torch.where(ok, 0.0, torch.finfo(torch.float32).min)
        new = []
        for i, l in enumerate(s.layers):
            kv = past[2 * i], past[2 * i + 1]
            if s.mode == "fp16":
                kv = kv[0].float(), kv[1].float()
            x, kv = l(x, pos, bias, kv)
            new += [t.half() for t in kv] if s.mode == "fp16" else kv
        x = s.norm(x)
        if keep is not None:
            start = torch.where(keep > 0, S - keep, 0)
            x = torch.index_select(x, 1, torch.arange(S)[start:])
        return (s.head(x), *new)


def weights(seed, modules):
    g = torch.Generator().manual_seed(seed)
    for m in modules:
        for name, p in m.named_parameters():
            if p.ndim == 1:
                w = (1 if "n1" in name or "n2" in name or "norm" in name else 0) + 0.2 * torch.randn(p.shape, generator=g)
            elif isinstance(m, torch.nn.Embedding):
                w = torch.randn(p.shape, generator=g)
            elif "head" in name:
                w = 0.6 * torch.randn(p.shape, generator=g)
                w[[PAD, IMAGE, 3, 4]] *= 0.1
                w[5:38] *= 0.5
                w[tokens:] *= 0.1
                w[EOS] *= 1.45
            else:
                w = 1.6 / math.sqrt(p[0].numel()) * torch.randn(p.shape, generator=g)
            p.data = w.half().float()


def tokenizer():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer, t.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    texts = ["a red star above a blue circle", "the green square is to the left of the moon", "two white hearts on a plain background"] * 3
    t.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=300, special_tokens=["<pad>", "<eos>", "<image>", "<alt>", "<caption>"],
                          initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return t


def picture(rnd):
    im = Image.new("RGB", (SIDE, SIDE), tuple(rnd.randrange(256) for _ in range(3)))
    d = ImageDraw.Draw(im)
    for _ in range(rnd.randrange(1, 4)):
        x, y, r = rnd.randrange(SIDE), rnd.randrange(SIDE), rnd.randrange(3, 14)
        (d.ellipse if rnd.random() < 0.5 else d.rectangle)([x - r, y - r, x + r, y + r], fill=tuple(rnd.randrange(256) for _ in range(3)))
    b = io.BytesIO()
    im.save(b, "PNG", optimize=True)
    return b.getvalue(), np.asarray(im)


def pixels(a):
    return torch.from_numpy(((a.astype(np.float32) / 255 - 0.5) / 0.5).transpose(2, 0, 1))[None]


class Model:
    def __init__(s, seed):
        s.vision, s.embed, s.decoder = Vision(), torch.nn.Embedding(VOCAB, D), Decoder("")
        weights(seed, [s.vision, s.embed, s.decoder])

    @torch.no_grad()
    def generate(s, pics, prompts, most, fp16=False, logits=None):
        """Greedy, left-padded where lengths differ. Gives per row ids, log-probability, smallest margin."""
        B, L = len(prompts), max(map(len, prompts))
        ids, mask = torch.full((B, L), PAD), torch.zeros(B, L, dtype=torch.long)
        for i, p in enumerate(prompts):
            ids[i, L - len(p):], mask[i, L - len(p):] = torch.tensor(p), 1
        x = s.embed(ids)
        x[ids == IMAGE] = s.vision(torch.cat(pics)).flatten(0, 1)
        pos = (mask.cumsum(1) - 1).clamp(min=0)
        past = [torch.zeros(B, KV, 0, HD)] * (2 * LAYERS)
        out, done = [([], [], []) for _ in range(B)], [False] * B
        for step in range(most):
            lg, *past = s.decoder(x, mask, pos, *past)
            if fp16:
                past = [t.half().float() for t in past]
            lg = lg[:, -1]
            if step == 0 and logits is not None:
                logits.append(lg.numpy())
            top = lg.topk(2).values
            lp = torch.log_softmax(lg.double(), -1)
            t = lg.argmax(-1)
            for i in range(B):
                if not done[i]:
                    out[i][0].append(int(t[i])); out[i][1].append(float(lp[i, t[i]])); out[i][2].append(float(top[i, 0] - top[i, 1]))
                    done[i] = int(t[i]) == EOS
            if all(done):
                break
            mask = torch.cat([mask, torch.ones(B, 1, dtype=torch.long)], 1)
            pos, x = mask.sum(1, keepdim=True) - 1, s.embed(t[:, None])
        return [(i, sum(l), min(m)) for i, l, m in out]


def export(m):
    d = OUT / "onnx"
    d.mkdir(parents=True, exist_ok=True)
    kw = dict(opset_version=17, dynamo=False, do_constant_folding=True)
    torch.onnx.export(m.vision, (torch.zeros(2, 3, SIDE, SIDE),), d / "vision_encoder.onnx", input_names=["pixel_values"], output_names=["image_features"],
                      dynamic_axes=dict(pixel_values={0: "batch_size"}, image_features={0: "batch_size"}), **kw)
    torch.onnx.export(m.vision, (torch.zeros(1, 3, SIDE, SIDE),), d / "vision_encoder_one.onnx", input_names=["pixel_values"], output_names=["image_features"], **kw)
    torch.onnx.export(m.embed, (torch.zeros(2, 5, dtype=torch.long),), d / "embed_tokens.onnx", input_names=["input_ids"], output_names=["inputs_embeds"],
                      dynamic_axes=dict(input_ids={0: "batch_size", 1: "sequence_length"}, inputs_embeds={0: "batch_size", 1: "sequence_length"}), **kw)
    names = [f"{i}.{x}" for i in range(LAYERS) for x in ("key", "value")]
    ax = dict(inputs_embeds={0: "batch_size", 1: "sequence_length"}, attention_mask={0: "batch_size", 1: "total_sequence_length"},
              position_ids={0: "batch_size", 1: "sequence_length"}, logits={0: "batch_size", 1: "sequence_length"})
    for n in names:
        ax["past_key_values." + n] = {0: "batch_size", 2: "past_sequence_length"}
        ax["present." + n] = {0: "batch_size", 2: "total_sequence_length"}
    for mode in ("", "keep", "fp16"):
        dec = Decoder(mode)
        dec.load_state_dict(m.decoder.state_dict())
        extra = [torch.tensor(1)] if mode == "keep" else []
        past = [torch.zeros(2, KV, 4, HD, dtype=torch.float16 if mode == "fp16" else torch.float32) for _ in names]
        torch.onnx.export(dec.eval(), (torch.zeros(2, 3, D), torch.ones(2, 7, dtype=torch.long), torch.zeros(2, 3, dtype=torch.long), *extra, *past),
                          d / f"decoder_model_merged{'_' + mode if mode else ''}.onnx",
                          input_names=["inputs_embeds", "attention_mask", "position_ids"] + ["num_logits_to_keep"] * len(extra) + ["past_key_values." + n for n in names],
                          output_names=["logits"] + ["present." + n for n in names], dynamic_axes=ax, **kw)
    for f in d.glob("*.onnx"):
        shrink(f)


def shrink(path):
    """Stores large weights in half precision, and forgets what the exporter says of its own source."""
    m = onnx.load(path)
    keep, casts = [], []
    for t in m.graph.initializer:
        w = numpy_helper.to_array(t)
        if w.dtype == np.float32 and w.size >= 64:
            keep.append(numpy_helper.from_array(w.astype(np.float16), t.name + "_half"))
            casts.append(helper.make_node("Cast", [t.name + "_half"], [t.name], to=TensorProto.FLOAT))
        else:
            keep.append(t)
    nodes = casts + list(m.graph.node)
    for n in nodes:
        n.ClearField("doc_string"); n.ClearField("metadata_props"); n.ClearField("name")
    del m.graph.initializer[:], m.graph.node[:], m.graph.value_info[:]
    m.graph.initializer.extend(keep); m.graph.node.extend(nodes)
    ports = {p.name for p in [*m.graph.input, *m.graph.output]}
    short = {}
    name = lambda x: x if x in ports or not x else short.setdefault(x, f"t{len(short)}")
    for t in m.graph.initializer:
        t.name = name(t.name)
    for n in m.graph.node:
        n.input[:], n.output[:] = map(name, n.input), map(name, n.output)
    for f in ("doc_string", "producer_name", "producer_version"):
        m.ClearField(f)
    onnx.checker.check_model(m)
    onnx.save(m, path)


ALTS = ["", "a red star", "moon", "two white hearts on a plain background", "IMG_2041.JPG", "the green square is to the left of the blue circle, above a star",
        "étoile rouge", "a", "buy now!!! best price red star star star star star", "\n\tblue  circle"]


def main(seeds):
    global tokens
    torch.set_num_threads(1)  # so small that more threads only wait
    OUT.mkdir(exist_ok=True)
    t = tokenizer()
    tokens = t.get_vocab_size()
    assert tokens <= VOCAB and t.token_to_id("<image>") == IMAGE
    t.save(str(OUT / "tokenizer.json"), pretty=False)
    rnd = random.Random(7)
    n = (SIDE // PATCH) ** 2
    cases = []
    for i in range(20):
        png, a = picture(rnd)
        alt = ALTS[i % len(ALTS)]
        text = "<image><alt>" + alt + "<caption>"
        ids = t.encode(text, add_special_tokens=False).ids
        at = ids.index(IMAGE)
        cases.append((png, pixels(a), text, ids[:at] + [IMAGE] * n + ids[at + 1:]))
    most, best = 48, None
    for seed in seeds:
        m = Model(seed)
        got = m.generate([c[1] for c in cases], [c[3] for c in cases], most)
        lengths = {len(g[0]) for g in got}
        stops = sum(g[0][-1] == EOS for g in got)
        score = (min(g[2] for g in got) > 1e-3) * (len({tuple(g[0]) for g in got}) + 2 * len(lengths) - abs(stops - 14))
        if best is None or score > best[0]:
            best = (score, seed)
    print("seed", best)
    m = Model(best[1])
    first, golden = [], []
    for png, px, text, ids in cases:
        alone = m.generate([px], [ids], most, logits=first)[0]
        half = m.generate([px], [ids], most, fp16=True)[0]
        golden.append(dict(prompt=text, prompt_ids=ids, ids=alone[0], logprob=alone[1], fp16_ids=half[0], text=t.decode(alone[0], skip_special_tokens=True)))
    together = m.generate([c[1] for c in cases], [c[3] for c in cases], most)
    assert [g["ids"] for g in golden] == [x[0] for x in together], "left padding changes what PyTorch says"
    for i, (png, *_), in enumerate(cases):
        (OUT / "images").mkdir(exist_ok=True)
        (OUT / "images" / f"{i:02d}.png").write_bytes(png)
    export(m)
    for g, l in zip(golden[:3], first):
        g["first_logits"] = [round(float(v), 5) for v in l[0]]
    dump = lambda name, v: (OUT / name).write_text(json.dumps(v, ensure_ascii=False) + "\n")
    dump("golden.json", golden)
    dump("config.json", dict(model_type="llava", image_token_index=IMAGE, image_seq_length=n, text_config=dict(model_type="llama", vocab_size=VOCAB, hidden_size=D, max_position_embeddings=128)))
    dump("generation_config.json", dict(eos_token_id=[EOS], pad_token_id=PAD, max_new_tokens=most, do_sample=False, temperature=0.7, transformers_version="4.57.6"))
    dump("preprocessor_config.json", dict(image_processor_type="CLIPImageProcessor", do_resize=True, size=dict(height=SIDE, width=SIDE), resample=3, do_center_crop=False,
                                         do_rescale=True, rescale_factor=1 / 255, do_normalize=True, image_mean=[0.5] * 3, image_std=[0.5] * 3))
    dump("processor_config.json", dict(patch_size=PATCH, num_additional_image_tokens=0, image_token="<image>"))
    print("lengths", [len(g["ids"]) for g in golden], sum(f.stat().st_size for f in OUT.rglob("*") if f.is_file()), "bytes")


if __name__ == "__main__":
    main([int(sys.argv[1])] if len(sys.argv) > 1 else range(60))
