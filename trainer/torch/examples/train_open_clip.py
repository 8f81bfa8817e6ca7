"""Trains an open_clip model on what recaption has captioned, on one process or many:

    torchrun --nproc-per-node 2 examples/train_open_clip.py s3://bucket/prefix \\
        --training birds --policy policy.yaml --model ViT-B-32 --batch 256 --out model.pt

Model, loss and optimizer are open_clip's and torch's own; recaption is the data
set alone. On GPUs the processes talk by NCCL, else by gloo.

--model tiny is a small model for trying it out on a CPU. To fine-tune a model of
which the text tower was pretrained, name its weights by --pretrained and train
its last layers alone by --text-layers.
"""

import argparse
import io
import math
import os

import open_clip
import torch
import torch.distributed as dist
from PIL import Image
from torch.nn.parallel import DistributedDataParallel

from recaption_torch import Feed, Loader, Sample, together

TINY = dict(
    embed_dim=64,
    vision_cfg=dict(image_size=64, layers=3, width=128, head_width=32, patch_size=16),
    text_cfg=dict(context_length=77, vocab_size=49408, width=128, heads=4, layers=3),
)


class Pair:
    """Makes pixels and ids of a sample. An image that can't be decoded is grey: the
    program has refused what is damaged in its header."""

    def __init__(self, preprocess, tokenizer):
        self.preprocess, self.tokenizer = preprocess, tokenizer

    def __call__(self, s: Sample):
        try:
            image = Image.open(io.BytesIO(s.image)).convert("RGB")
        except OSError:
            image = Image.new("RGB", (64, 64), (128, 128, 128))
        return self.preprocess(image), self.tokenizer([s.text])[0]


def model_of(o):
    if o.model == "tiny":
        model = open_clip.CLIP(**TINY)
        size, context = TINY["vision_cfg"]["image_size"], TINY["text_cfg"]["context_length"]
        preprocess = open_clip.image_transform(size, is_train=False)
        return model, preprocess, open_clip.SimpleTokenizer(context_length=context)
    model, preprocess, _ = open_clip.create_model_and_transforms(o.model, pretrained=o.pretrained)
    if o.text_layers is not None:
        model.lock_text_tower(unlocked_layers=o.text_layers)
    return model, preprocess, open_clip.get_tokenizer(o.model)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("where")
    p.add_argument("--training", required=True)
    p.add_argument("--policy")
    p.add_argument("--dataset", action="append", default=[])
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--program", default="recaption")
    p.add_argument("--feed-arg", action="append", default=[], help="one more flag of recaption feed, as --feed-arg=--endpoint=URL")
    p.add_argument("--model", default="tiny")
    p.add_argument("--pretrained")
    p.add_argument("--text-layers", type=int, help="layers of the text tower to train; none: all")
    p.add_argument("--batch", type=int, default=64, help="of one process")
    p.add_argument("--workers", type=int, default=1)
    p.add_argument("--epochs", type=int, default=1)
    p.add_argument("--rate", type=float, default=5e-4)
    p.add_argument("--warmup", type=int, default=20, help="steps")
    p.add_argument("--save-every", type=int, default=1000, help="steps, beside each epoch's end")
    p.add_argument("--steps", type=int, help="end after so many, saved or not")
    p.add_argument("--out", default="model.pt", help="model, optimizer and read positions; read where it is there")
    o = p.parse_args()

    cuda = torch.cuda.is_available()
    dist.init_process_group("nccl" if cuda else "gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    torch.manual_seed(o.seed)

    model, preprocess, tokenizer = model_of(o)
    model.to(device)
    whole = DistributedDataParallel(model, device_ids=[device.index] if cuda else None)
    loss_of = open_clip.ClipLoss(local_loss=True, gather_with_grad=True, rank=rank, world_size=world)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=o.rate, betas=(0.9, 0.98), eps=1e-6)

    feed = Feed(
        o.where,
        o.training,
        policy=o.policy,
        datasets=o.dataset,
        seed=o.seed,
        program=o.program,
        args=o.feed_arg,
        transform=Pair(preprocess, tokenizer),
    )
    loader = Loader(feed, o.batch, num_workers=o.workers)
    epoch, step = 0, 0
    if os.path.exists(o.out):
        saved = torch.load(o.out, map_location=device)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        loader.load_state_dict(saved["feed"][rank])
        epoch, step = saved["epoch"], saved["step"]

    def save(epoch):
        places = [None] * world
        dist.all_gather_object(places, loader.state_dict())
        if rank == 0:
            state = dict(model=model.state_dict(), optimizer=optimizer.state_dict(), feed=places, epoch=epoch, step=step)
            torch.save(state, o.out + ".part")
            os.replace(o.out + ".part", o.out)

    images = None
    while epoch < o.epochs:
        for images, texts in together(loader):
            a, b, scale = whole(images.to(device), texts.to(device))
            loss = loss_of(a, b, scale)
            for group in optimizer.param_groups:
                group["lr"] = o.rate * min(1, (step + 1) / o.warmup)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            with torch.no_grad():
                model.logit_scale.clamp_(0, math.log(100))
            step += 1
            mean = loss.detach().clone()
            dist.all_reduce(mean)
            if rank == 0 and step % 10 == 1:
                print(f"epoch {epoch} step {step} loss {mean.item() / world:.4f}", flush=True)
            if step == o.steps:
                dist.destroy_process_group()
                return
            if step % o.save_every == 0:
                save(epoch)
        epoch += 1
        loader.set_epoch(epoch)
        save(epoch)
    if rank == 0 and images is not None:
        again = model_of(o)[0].to(device).eval()
        again.load_state_dict(torch.load(o.out, map_location=device)["model"])
        with torch.no_grad():
            same = torch.equal(model.eval().encode_image(images.to(device)), again.encode_image(images.to(device)))
        print(f"{o.out} read back: embeddings are {'the same' if same else 'NOT the same'}")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
