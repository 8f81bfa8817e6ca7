"""Write the goldens of trainer/optim: six steps of PyTorch's AdamW and Muon in float64.

    python make.py      # torch 2.15, numpy 2.4.6

Gradients are clipped by torch.nn.utils.clip_grad_norm_ and rates follow a warm-up and a cosine. Muon is
torch.optim.Muon(adjust_lr_fn="match_rms_adamw") with its Newton-Schulz iteration in float64 instead of bfloat16.
"""
import json
import math

import torch
import torch.optim._muon as muon

torch.set_default_dtype(torch.float64)
torch.manual_seed(3)
RATE, DECAY, CLIP, WARMUP, STEPS, FLOOR = 1e-2, 0.1, 1.5, 2, 6, 0.1
SHAPES = {"wide": (4, 6), "tall": (7, 3), "square": (5, 5), "second": (4, 6), "bias": (5,)}


def newton_schulz(grad, coefficients, steps, eps):
    a, b, c = coefficients
    x = grad / grad.norm().clamp(min=eps)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x


muon._zeropower_via_newtonschulz = newton_schulz


def schedule(step):
    if step < WARMUP:
        return (step + 1) / WARMUP
    done = (step - WARMUP) / (STEPS - WARMUP)
    return FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done))


def numbers(t):
    return [float(v) for v in t.detach().float().flatten()]


def run(method, first, gradients):
    params = {k: torch.nn.Parameter(v.clone()) for k, v in first.items()}
    hidden = [p for k, p in params.items() if method == "muon" and k != "bias"]
    decayed = [p for k, p in params.items() if method == "adamw" and k != "bias"]
    groups = [{"params": decayed, "weight_decay": DECAY}] if decayed else []
    optimizers = [torch.optim.AdamW(groups + [{"params": [params["bias"]], "weight_decay": 0.0}], RATE, betas=(0.9, 0.98), eps=1e-6)]
    if hidden:
        optimizers.append(torch.optim.Muon(hidden, RATE, weight_decay=DECAY, momentum=0.95, adjust_lr_fn="match_rms_adamw"))
    rates, lengths, values = [], [], []
    for step, gs in enumerate(gradients):
        for k, p in params.items():
            p.grad = gs[k].clone()
        lengths.append(float(torch.nn.utils.clip_grad_norm_(params.values(), CLIP)))
        rates.append(RATE * schedule(step))
        for o in optimizers:
            for group in o.param_groups:
                group["lr"] = rates[-1]
            o.step()
        values.append({k: numbers(p) for k, p in params.items()})
    return {"rates": rates, "lengths": lengths, "values": values}


# All numbers are exact in float32.
first = {k: torch.randn(s).float().double() for k, s in SHAPES.items()}
gradients = [{k: (torch.randn(s) * 0.1 * (i + 1)).float().double() for k, s in SHAPES.items()} for i in range(STEPS)]
out = {
    "shapes": {k: list(s) for k, s in SHAPES.items()},
    "first": {k: numbers(v) for k, v in first.items()},
    "gradients": [{k: numbers(v) for k, v in g.items()} for g in gradients],
    "adamw": run("adamw", first, gradients),
    "muon": run("muon", first, gradients),
}
with open("steps.json", "w") as f:
    json.dump(out, f)
