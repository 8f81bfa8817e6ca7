"""Makes the tiny models of this folder and what the reference makes of pictures and texts.

    pip install torch==2.15.0 transformers==4.57.6 tokenizers==0.22.2 onnx==1.23.2 numpy==2.4.6
    pip install pillow==12.0.0      # 13 resizes tall pictures in another order
    python gen.py

clip/ has the layout of public CLIP exports, with two graphs in onnx/; clip-one/ is the same model
as one graph; siglip/ is a SigLIP, which pads all texts to its context and has no projection. Weights are random, so the rows say nothing; they only have to be equal.
golden.json has of each text its ids, and of each text and picture its row; pixels.bin has the
numbers of the pictures after preprocessing (float32, little-endian, one picture after another).
A new run gives other weights.
"""

import json
import pathlib
import shutil
import warnings

import numpy as np
import torch
from PIL import Image, __version__ as pillow
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, PreTrainedTokenizerFast
from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel

assert int(pillow.split(".")[0]) < 13, pillow
warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent
CONTEXT = 20
TEXTS = [
    "", "a red circle", "A Red Circle!", "a photo of 3 small blue squares, isn't it?", "caf\u00e9 \U0001f600  \u00a0 two\n\nlines",
    "a large plain red star to the left of a small plain blue circle on a smooth mint background, which is far longer than what fits",
    "star", "the star is above the moon", "the moon is above the star", "<|endoftext|> in a text", "\u0130stanbul",
]


def pictures():
    """Of several sizes and kinds, made of gradients and noise."""
    out = HERE / "pictures"
    out.mkdir(exist_ok=True)
    r = np.random.default_rng(5)
    for name, (w, h), mode in [("wide.png", (61, 37), "RGB"), ("tall.png", (40, 58), "RGB"), ("same.png", (32, 32), "RGB"), ("small.png", (9, 13), "RGB"),
                               ("grey.png", (50, 50), "L"), ("photo.jpg", (48, 64), "RGB")]:
        y, x = np.mgrid[0:h, 0:w]
        base = np.stack([x * 255 // w, y * 255 // h, (x + y) * 255 // (w + h)], -1)
        a = np.clip(base + r.integers(-40, 40, base.shape), 0, 255).astype(np.uint8)
        Image.fromarray(a).convert(mode).save(out / name, **({"quality": 100, "subsampling": 0} if name.endswith("jpg") else {}))
    return sorted(out.iterdir())


class Rows(torch.nn.Module):
    def __init__(self, run):
        super().__init__()
        self.run = run

    def forward(self, *x):
        return self.run(*x)


def export(model, run, args, path, inputs, outputs, axes):
    holder = Rows(run)
    holder.model = model
    torch.onnx.export(holder, args, str(path), input_names=inputs, output_names=outputs, dynamic_axes=axes, opset_version=17, dynamo=False)


def golden(folder, rows_of_pixels, rows_of_ids, tok, pad, processor):
    files = pictures()
    pixels = processor(images=[Image.open(f).convert("RGB") for f in files], return_tensors="pt").pixel_values
    texts = []
    for t in TEXTS:
        b = tok([t], padding=pad, truncation=True, max_length=tok.model_max_length, return_tensors="pt")
        row = rows_of_ids(b.input_ids, b.attention_mask)[0]
        texts.append({"text": t, "ids": b.input_ids[0].tolist(), "row": (row / row.norm()).tolist()})
    rows = rows_of_pixels(pixels)
    rows = rows / rows.norm(dim=-1, keepdim=True)
    (folder / "pixels.bin").write_bytes(pixels.numpy().astype("<f4").tobytes())
    golden = {"images": [{"file": f.name, "row": r.tolist()} for f, r in zip(files, rows)], "texts": texts}
    (folder / "golden.json").write_text(json.dumps(golden, ensure_ascii=False), encoding="utf-8")


def clip():
    torch.manual_seed(1)
    out = HERE / "clip"
    shutil.rmtree(out, ignore_errors=True)
    (out / "onnx").mkdir(parents=True)
    shutil.copy(HERE.parents[2] / "internal/tokenizer/testdata/clip.json", out / "tokenizer.json")
    tok = PreTrainedTokenizerFast(tokenizer_file=str(out / "tokenizer.json"), pad_token="<|endoftext|>", model_max_length=CONTEXT,
                                  bos_token="<|startoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>")
    bos, eos = tok.convert_tokens_to_ids(["<|startoftext|>", "<|endoftext|>"])
    small = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    config = CLIPConfig(
        text_config=dict(small, vocab_size=len(tok), max_position_embeddings=CONTEXT, bos_token_id=bos, eos_token_id=eos, pad_token_id=eos),
        vision_config=dict(small, image_size=24, patch_size=8), projection_dim=12, attn_implementation="eager")
    model = CLIPModel(config).eval()
    with torch.no_grad():
        for p in model.parameters():  # larger than at the start of a training, so that rows differ
            p.add_(torch.randn_like(p) * 0.15)
    config.save_pretrained(out)
    (out / "tokenizer_config.json").write_text(json.dumps({"model_max_length": CONTEXT, "pad_token": "<|endoftext|>", "tokenizer_class": "CLIPTokenizer"}))
    processor = CLIPImageProcessor(size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24})
    processor.save_pretrained(out)

    def texts(ids, mask):
        return model.get_text_features(input_ids=ids, attention_mask=mask)

    def images(pixels):
        return model.get_image_features(pixel_values=pixels)

    with torch.no_grad():
        golden(out, images, texts, tok, True, processor)
        ids, pixels = torch.tensor([[bos, 5, 6, eos], [bos, 7, 8, eos]]), torch.zeros(2, 3, 24, 24)
        mask = torch.ones_like(ids)
        # Some texts end early in the trace, so that nothing of it is taken for constant.
        mask[1, 3] = 0
        seq = {0: "text_batch_size", 1: "sequence_length"}
        pic = {0: "image_batch_size"}
        export(model, texts, (ids, mask), out / "onnx/text_model.onnx", ["input_ids", "attention_mask"], ["text_embeds"],
               {"input_ids": seq, "attention_mask": seq, "text_embeds": {0: "text_batch_size"}})
        export(model, images, (pixels,), out / "onnx/vision_model.onnx", ["pixel_values"], ["image_embeds"], {"pixel_values": pic, "image_embeds": pic})
        one = HERE / "clip-one"
        shutil.rmtree(one, ignore_errors=True)
        one.mkdir()
        export(model, lambda i, p, m: (texts(i, m), images(p)), (ids, pixels, mask), one / "model.onnx", ["input_ids", "pixel_values", "attention_mask"],
               ["text_embeds", "image_embeds"], {"input_ids": seq, "attention_mask": seq, "pixel_values": pic})


def siglip():
    torch.manual_seed(2)
    out = HERE / "siglip"
    shutil.rmtree(out, ignore_errors=True)
    (out / "onnx").mkdir(parents=True)
    shutil.copy(HERE.parents[2] / "internal/tokenizer/testdata/siglip.json", out / "tokenizer.json")
    tok = PreTrainedTokenizerFast(tokenizer_file=str(out / "tokenizer.json"), pad_token="</s>", eos_token="</s>", unk_token="<unk>", model_max_length=CONTEXT)
    small = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    config = SiglipConfig(
        text_config=dict(small, vocab_size=len(tok), max_position_embeddings=CONTEXT, bos_token_id=0, eos_token_id=1, pad_token_id=1),
        vision_config=dict(small, image_size=24, patch_size=8), attn_implementation="eager")
    config.text_config.projection_size = 16  # as wide as the other tower
    model = SiglipModel(config).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.15)
    config.save_pretrained(out)
    pad = {"content": "</s>", "lstrip": True, "normalized": False, "rstrip": True, "single_word": False}
    (out / "tokenizer_config.json").write_text(json.dumps({"model_max_length": CONTEXT, "tokenizer_class": "SiglipTokenizer"}))
    (out / "special_tokens_map.json").write_text(json.dumps({"pad_token": pad, "eos_token": "</s>", "unk_token": "<unk>"}))
    processor = SiglipImageProcessor(size={"height": 24, "width": 24})
    processor.save_pretrained(out)

    def texts(ids, mask=None):
        return model.get_text_features(input_ids=ids)

    def images(pixels):
        return model.get_image_features(pixel_values=pixels)

    with torch.no_grad():
        golden(out, images, texts, tok, "max_length", processor)
        ids = torch.ones(2, CONTEXT, dtype=torch.long)
        pic = {0: "batch_size"}
        export(model, lambda i: texts(i), (ids,), out / "onnx/text_model.onnx", ["input_ids"], ["pooler_output"],
               {"input_ids": {0: "batch_size", 1: "sequence_length"}, "pooler_output": pic})
        export(model, images, (torch.zeros(2, 3, 24, 24),), out / "onnx/vision_model.onnx", ["pixel_values"], ["pooler_output"],
               {"pixel_values": pic, "pooler_output": pic})


if __name__ == "__main__":
    clip()
    siglip()
