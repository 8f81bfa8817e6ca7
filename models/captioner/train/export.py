"""Write a model folder: python export.py CHECKPOINT TOKENIZER OUT

Three graphs as public VLM repositories have them. Weights are stored as float16 and cast to float32 as
they are loaded, so the arithmetic is float32 throughout.
"""
import hashlib
import json
import os
import shutil
import sys
import warnings

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

import model
import tokens

SMALL = 2048  # initializers below this many elements stay float32


class Decoder(torch.nn.Module):
    """The decoder with the inputs and outputs of its graph."""

    def __init__(self, m):
        super().__init__()
        self.m = m

    def forward(self, inputs_embeds, attention_mask, position_ids, *past):
        bias = model.attention_bias(attention_mask, inputs_embeds.shape[1])
        h, cache = self.m.decode(inputs_embeds, position_ids, bias, list(zip(past[::2], past[1::2])))
        return (self.m.logits(h), *(t for kv in cache for t in kv))


def graph(module, example, path, inputs, outputs, axes):
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), example, path, input_names=inputs, output_names=outputs, dynamic_axes=axes,
                          opset_version=17, do_constant_folding=True, dynamo=False)
    store_half(path)


def graphs(m, out):
    os.makedirs(out, exist_ok=True)
    c = m.c
    rows = {0: "batch_size", 1: "sequence_length"}
    graph(m.vision, (torch.zeros(2, 3, c.image, c.image),), f"{out}/vision_encoder.onnx", ["pixel_values"], ["image_features"],
          {"pixel_values": {0: "batch_size"}, "image_features": {0: "batch_size"}})
    graph(m.embed, (torch.zeros(2, 5, dtype=torch.long),), f"{out}/embed_tokens.onnx", ["input_ids"], ["inputs_embeds"],
          {"input_ids": rows, "inputs_embeds": rows})
    names = [f"{i}.{x}" for i in range(c.layers) for x in ("key", "value")]
    past, present = ["past_key_values." + n for n in names], ["present." + n for n in names]
    axes = {"inputs_embeds": rows, "attention_mask": {0: "batch_size", 1: "total_sequence_length"}, "position_ids": rows, "logits": rows}
    axes |= {n: {0: "batch_size", 2: "past_sequence_length"} for n in past}
    axes |= {n: {0: "batch_size", 2: "total_sequence_length"} for n in present}
    example = (torch.zeros(2, 4, c.width), torch.ones(2, 7, dtype=torch.long), torch.zeros(2, 4, dtype=torch.long),
               *(torch.zeros(2, c.kv_heads, 3, c.head) for _ in past))
    graph(Decoder(m), example, f"{out}/decoder_model_merged.onnx", ["inputs_embeds", "attention_mask", "position_ids", *past],
          ["logits", *present], axes)


def store_half(path):
    """Store the large float32 initializers as float16, each with a Cast; drop the exporter's notes."""
    m = onnx.load(path)
    kept, casts = [], []
    for t in m.graph.initializer:
        w = numpy_helper.to_array(t)
        if w.dtype != np.float32 or w.size < SMALL:
            kept.append(t)
            continue
        half = w.astype(np.float16)
        kept.append(numpy_helper.from_array(half, t.name + ".half"))
        casts.append(helper.make_node("Cast", [t.name + ".half"], [t.name], name="cast." + t.name, to=TensorProto.FLOAT))
    nodes = casts + list(m.graph.node)
    for n in nodes:
        n.ClearField("doc_string")
        n.ClearField("metadata_props")
    for field, value in (("initializer", kept), ("node", nodes), ("value_info", [])):
        m.graph.ClearField(field)
        getattr(m.graph, field).extend(value)
    onnx.checker.check_model(m, full_check=True)
    onnx.save(m, path)


def files(c: model.Config):
    """The JSON files beside the graphs."""
    size = {"height": c.image, "width": c.image}
    special = {n + "_token": tokens.SPECIAL[i] for n, i in (("pad", tokens.PAD), ("eos", tokens.EOS))}
    return {
        "config.json": {
            "model_type": "llava",
            "architectures": ["LlavaForConditionalGeneration"],
            "image_token_index": tokens.IMAGE,
            "image_seq_length": c.tokens,
            "eos_token_id": tokens.EOS,
            "pad_token_id": tokens.PAD,
            "vision_config": {"image_size": c.image, "patch_size": c.patch, "hidden_size": c.width, "num_hidden_layers": c.vision_layers, "num_attention_heads": c.heads},
            "text_config": {
                "model_type": "llama", "hidden_size": c.width, "intermediate_size": c.ffn, "num_hidden_layers": c.layers,
                "num_attention_heads": c.heads, "num_key_value_heads": c.kv_heads, "head_dim": c.head, "vocab_size": c.vocab,
                "rope_theta": c.rope_theta, "max_position_embeddings": 512, "tie_word_embeddings": True,
            },
        },
        "generation_config.json": {"eos_token_id": tokens.EOS, "pad_token_id": tokens.PAD, "max_new_tokens": 96, "do_sample": False},
        "preprocessor_config.json": {
            "image_processor_type": "CLIPImageProcessor", "processor_class": "LlavaProcessor", "do_convert_rgb": True,
            "do_resize": True, "size": size, "resample": 3, "do_center_crop": False, "crop_size": size,
            "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
        },
        "processor_config.json": {"processor_class": "LlavaProcessor", "patch_size": c.patch, "num_additional_image_tokens": 0, "image_token": "<image>"},
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast", "processor_class": "LlavaProcessor", "model_max_length": 512, "clean_up_tokenization_spaces": False,
            **special, "additional_special_tokens": tokens.SPECIAL[2:],
            "added_tokens_decoder": {str(i): {"content": s, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True} for i, s in enumerate(tokens.SPECIAL)},
        },
        "special_tokens_map.json": {**special, "additional_special_tokens": tokens.SPECIAL[2:]},
    }


def checksums(out):
    """SHA256SUMS of what makes the model: all files but those that tell of it or of its use. In the form of sha256sum."""
    names = sorted(os.path.relpath(os.path.join(d, f), out) for d, _, fs in os.walk(out) for f in fs)
    with open(f"{out}/SHA256SUMS", "w") as f:
        for n in names:
            if n not in ("SHA256SUMS", "README.md", "evaluation.json", "recipe.yaml"):
                f.write(f"{hashlib.sha256(open(f'{out}/{n}', 'rb').read()).hexdigest()}  {n}\n")


def folder(m, tokenizer, out):
    graphs(m, f"{out}/onnx")
    for name, content in files(m.c).items():
        with open(f"{out}/{name}", "w") as f:
            json.dump(content, f, indent=2)
            f.write("\n")
    shutil.copyfile(tokenizer, f"{out}/tokenizer.json")
    checksums(out)


def load(checkpoint):
    state = torch.load(checkpoint, weights_only=True)
    m = model.Captioner(model.Config(**state["config"]))
    m.load_state_dict(state["model"])
    return m.eval()


if __name__ == "__main__":
    folder(load(sys.argv[1]), sys.argv[2], sys.argv[3])
