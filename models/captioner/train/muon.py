"""Muon for hidden matrices: momentum, then the nearest orthogonal matrix by Newton-Schulz.

Convolutions are taken as matrices [out, in * 9]. On this encoder it learns shapes and colours in about a
quarter of AdamW's steps; with AdamW alone the captions read well long before they are true.
"""
import torch


def orthogonal(g, steps=5):
    x = g.bfloat16()
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.t()
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        a = x @ x.t()
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x.t() if tall else x).float()


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr=0.02, momentum=0.95, weight_decay=0.0):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                m = state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                g = p.grad.lerp(m, group["momentum"]).reshape(len(p), -1)
                scale = max(1, g.shape[0] / g.shape[1]) ** 0.5 * group["lr"]
                p.mul_(1 - group["lr"] * group["weight_decay"]).sub_((orthogonal(g) * scale).view_as(p))
