"""The exported model through ONNX Runtime: left-padded batches, greedy, from the files of the folder alone."""
import json

import numpy as np
import onnxruntime
from PIL import Image
from tokenizers import Tokenizer


class Model:
    def __init__(self, folder, threads=1):
        def read(name):
            with open(f"{folder}/{name}") as f:
                return json.load(f)

        def session(name):
            return onnxruntime.InferenceSession(f"{folder}/onnx/{name}.onnx", options, providers=["CPUExecutionProvider"])

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
        self.config, self.images, generation = read("config.json"), read("preprocessor_config.json"), read("generation_config.json")
        self.pad, self.eos, self.limit = generation["pad_token_id"], generation["eos_token_id"], generation["max_new_tokens"]
        self.vision, self.embed, self.decoder = session("vision_encoder"), session("embed_tokens"), session("decoder_model_merged")
        self.past = {i.name: i.shape for i in self.decoder.get_inputs() if i.name.startswith("past_key_values.")}

    def pixels(self, images):
        """uint8 pictures [B,H,W,3] as pixel_values."""
        p = self.images
        size = (p["size"]["width"], p["size"]["height"])
        out = [np.asarray(Image.fromarray(x).resize(size, p["resample"]), np.float32) for x in images]
        x = (np.stack(out) * np.float32(p["rescale_factor"]) - np.float32(p["image_mean"])) / np.float32(p["image_std"])
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2), np.float32)

    def expand(self, prompt):
        """Ids of a prompt, its `<image>` repeated as the processor does."""
        ids, image = self.tokenizer.encode(prompt, add_special_tokens=False).ids, self.config["image_token_index"]
        grid = self.config["vision_config"]["image_size"] // self.config["vision_config"]["patch_size"]
        return [i for t in ids for i in ([image] * grid**2 if t == image else [t])]

    def caption(self, images, prompts):
        """Token ids of greedy captions, without the end token."""
        rows = [self.expand(p) for p in prompts]
        longest = max(map(len, rows))
        ids = np.array([[self.pad] * (longest - len(r)) + r for r in rows], np.int64)
        mask = np.array([[0] * (longest - len(r)) + [1] * len(r) for r in rows], np.int64)
        x = self.embed.run(None, {"input_ids": ids})[0].copy()
        features = self.vision.run(None, {"pixel_values": self.pixels(images)})[0]
        x[ids == self.config["image_token_index"]] = features.reshape(-1, features.shape[-1])
        position = np.maximum(mask.cumsum(1) - 1, 0)
        past = {n: np.zeros((len(rows), s[1], 0, s[3]), np.float32) for n, s in self.past.items()}
        out, live = [[] for _ in rows], set(range(len(rows)))
        for _ in range(self.limit):
            logits, *present = self.decoder.run(None, {"inputs_embeds": x, "attention_mask": mask, "position_ids": position, **past})
            token = logits[:, -1].argmax(-1)
            live -= {i for i in live if token[i] == self.eos}
            if not live:
                break
            for i in live:
                out[i].append(int(token[i]))
            past = dict(zip(self.past, present))
            mask = np.pad(mask, ((0, 0), (0, 1)), constant_values=1)
            position = mask.sum(1, keepdims=True) - 1
            x = self.embed.run(None, {"input_ids": token[:, None].astype(np.int64)})[0]
        return out
