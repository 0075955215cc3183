"""Images per second of PyTorch eager training the net of train_step_bench, for comparison.

Same net, batch, loss, optimiser and augmentation work. Modes: `bf16` is PyTorch at its best on this kind of CPU
(channels last, bf16 through autocast with fp32 weights), `bf16-pure` the same with weights, norms and optimiser in bf16
too, `default` what a plain script gets (fp32, contiguous). Prints one JSON object.
Needs Debian's python3-torch; nothing of Triage is imported.
"""

import argparse
import json
import time

import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self, arch, classes):
        super().__init__()
        layers, width = [], 3
        for b, block in enumerate(arch.split("-")):
            for i, out in enumerate(map(int, block.split(","))):
                layers.append(nn.Conv2d(width, out, 3, padding=1, bias=False))
                if b > 0 and i == 0:
                    layers.append(nn.MaxPool2d(2))
                norm = nn.BatchNorm2d(out, momentum=0.4)
                norm.weight.requires_grad = False
                layers += [norm, nn.ReLU(inplace=True)]
                width = out
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(self.layers(x).amax((2, 3))) / 9


def augment(images, shift):
    """Per-image random shift with reflected border and random horizontal flip."""
    n, _, height, width = images.shape
    padded = F.pad(images, (shift,) * 4, "reflect")
    dx, dy = torch.randint(0, 2 * shift + 1, (2, n))
    out = torch.empty_like(images)
    for y in range(2 * shift + 1):
        for x in range(2 * shift + 1):
            chosen = ((dy == y) & (dx == x)).nonzero().flatten()
            out[chosen] = padded[chosen, :, y : y + height, x : x + width]
    flip = (torch.rand(n) < 0.5).nonzero().flatten()
    out[flip] = out[flip].flip(-1)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=["bf16", "bf16-pure", "default"], required=True)
    parser.add_argument("--arch", default="24-64,64-192,192-256,256")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--warmup", type=int, default=2, help="steps")
    parser.add_argument("--steps", type=int, default=5, help="timed steps; the fastest counts")
    parser.add_argument("--threads", type=int, default=0, help="0: PyTorch's default")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    best = args.mode != "default"
    pure = args.mode == "bf16-pure"

    net = Net(args.arch, 10)
    data = torch.randn(4 * args.batch, 3, 32, 32)
    labels = torch.randint(0, 10, (len(data),))
    if best:
        net = net.to(memory_format=torch.channels_last, dtype=torch.bfloat16 if pure else None)
        data = data.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
    weights = [p for p in net.parameters() if p.requires_grad and p.ndim > 1]
    biases = [p for p in net.parameters() if p.requires_grad and p.ndim == 1]
    optimizer = torch.optim.SGD(
        [{"params": weights}, {"params": biases, "lr": 0.16}], lr=0.01, momentum=0.85, nesterov=True, weight_decay=1e-3
    )
    loss_function = nn.CrossEntropyLoss(label_smoothing=0.2)

    times = []
    for step in range(args.warmup + args.steps):
        start = time.perf_counter()
        chosen = torch.randint(0, len(data), (args.batch,))
        x = augment(data[chosen], 2)
        if best:
            x = x.contiguous(memory_format=torch.channels_last)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=best and not pure):
            logits = net(x)
        loss_function(logits.float(), labels[chosen]).backward()
        optimizer.step()
        if step >= args.warmup:
            times.append(time.perf_counter() - start)
    print(
        json.dumps(
            {
                "mode": args.mode,
                "torch": torch.__version__,
                "threads": torch.get_num_threads(),
                "batch": args.batch,
                "images_per_second": args.batch / min(times),
                "mean_images_per_second": args.batch * len(times) / sum(times),
            }
        )
    )


if __name__ == "__main__":
    main()
