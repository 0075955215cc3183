#!/usr/bin/env python3
"""Malformed requests to a server: serve_fuzz.py PORT MODEL FIRST COUNT IMAGE...
Request n depends on n alone: a good one (JSON, binary tensors, images as files, the repository, metrics), one in five as it is, the others changed
in their HTTP, their JSON, their tensors or their image, sent in one piece or several, or cut; some clients do not wait for their answer. Prints JSON: how many were answered by
status, how many only closed, how many were left.
Exit code 1 where the server hangs (20 s) or does not listen any more."""
import collections
import json
import random
import socket
import struct
import sys

port, model, first, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
images = [open(name, "rb").read() for name in sys.argv[5:]]
pixels = bytes(range(256)) * 12
TOKENS = [b"\r\n", b"\n", b"\0", b" ", b":", b";", b"{", b"}", b"[", b"]", b'"', b",", b"-1", b"0", b"1e999", b"99999999999999999999", b"\xff\xff\xff\xff",
          b"\r\nContent-Length: 5\r\n", b"\r\nTransfer-Encoding: chunked\r\n", b"\r\nConnection: close\r\n", b"\r\nExpect: 100-continue\r\n", b"%00", b"../",
          b"HTTP/1.0", b"HTTP/9.9", b"null", b"true", b"\\ud800"]
ENDPOINTS = ["", "metrics", "v2", "v2/health/live", "v2/health/ready", f"v2/models/{model}", f"v2/models/{model}/versions/1", f"v2/models/{model}/stats",
             f"v2/models/{model}/plan", "v2/models/stats", f"v2/models/{model}/ready"]


def http(method, path, body=b"", headers=()):
    lines = [f"{method} /{path} HTTP/1.1".encode(), b"Host: localhost"] + [f"{k}: {v}".encode() for k, v in headers]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}".encode())
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def mutated(data, random, times):
    data = bytearray(data)
    for _ in range(times):
        at = random.randrange(len(data) + 1)
        kind = random.randrange(5)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << random.randrange(8)
        elif kind == 1:
            data[at:at] = random.choice(TOKENS)
        elif kind == 2:
            del data[at : at + random.randrange(1, 20)]
        elif kind == 3:
            data[at:at] = data[at : at + random.randrange(1, 40)]
        else:
            data[at : at + 4] = random.randbytes(4)
    return bytes(data)


def infer(random, change):
    """A body and its headers; change: what of it is not as it should be."""
    n, kind = random.choice([1, 1, 2, 3]), random.randrange(4)
    outputs = [{"name": name} for name in random.sample(["label", "class", "probability", "exit", "score", "logits", "probabilities", "scores", "microseconds"], 3)]
    request = {"id": str(n), "inputs": [{"name": "image"}], "outputs": outputs, "parameters": {"binary_data_output": random.random() < 0.5}}
    tensor = request["inputs"][0]
    spoil = lambda data: mutated(data, random, random.randrange(1, 4)) if change == "tensor" else data
    if kind == 0:
        tensor |= {"datatype": "UINT8", "shape": [n, 32, 32, 3], "parameters": {"binary_data_size": n * 3072}}
        behind = spoil(pixels * n)
    elif kind == 1:
        behind = spoil(b"".join(struct.pack("<I", len(image)) + image for image in random.choices(images, k=n)))
        tensor |= {"datatype": "BYTES", "shape": [n], "parameters": {"binary_data_size": len(behind)}}
    elif kind == 2:
        values = list(pixels * n)  # of 3 images so much JSON that another thread reads it
        tensor |= {"datatype": "UINT8", "shape": [n, 32, 32, 3], "data": values if change != "tensor" else values[: random.randrange(len(values) + 100)]}
        behind = b""
    else:
        return spoil(random.choice(images)), [("Content-Type", "image/jpeg")]
    head = json.dumps(request).encode()
    if change == "json":
        head = mutated(head, random, random.randrange(1, 4))
    headers = [("Content-Type", "application/octet-stream")]
    if behind or random.random() < 0.5:
        headers.append(("Inference-Header-Content-Length", str(len(head))))
    return head + behind, headers


def request(n):
    r = random.Random(n)
    change = r.choice(["nothing", "http", "json", "tensor", "cut"])
    if r.random() < 0.75:
        body, headers = infer(r, change)
        data = http("POST", f"v2/models/{model}/infer", body, headers)
    elif r.random() < 0.5:
        data = http(r.choice(["GET", "GET", "HEAD", "POST", "PUT"]), r.choice(ENDPOINTS))
    else:
        body = json.dumps(r.choice([{}, {"ready": True}, {"thresholds": [0.5]}, {"thresholds": [0.2, 0.3]}, {"thresholds": "a"}, {"thresholds": [1e308, -1]}])).encode()
        if change == "json":
            body = mutated(body, r, 2)
        data = http("POST", r.choice([f"v2/models/{model}/thresholds", "v2/repository/index", f"v2/repository/models/{model}x/load"]), body)
    if change == "http":  # of the head
        end = data.find(b"\r\n\r\n") + 4
        data = mutated(data[:end], r, r.randrange(1, 4)) + data[end:]
    if change == "cut":
        data = data[: r.randrange(len(data))]
    return data, r.random() < 0.2 and r.randrange(len(data) + 1), r.choice(["closes", "resets"]) if r.random() < 0.05 else ""


answers = collections.Counter()
for n in range(first, first + count):
    data, pause, leaves = request(n)
    try:
        with socket.socket() as connection:
            connection.settimeout(20)
            connection.connect(("127.0.0.1", port))
            try:
                if pause:
                    connection.sendall(data[:pause])
                connection.sendall(data[pause or 0 :])
                if leaves:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", leaves == "resets", 0))
                    answers["left"] += 1
                    continue
                connection.shutdown(socket.SHUT_WR)
                answer = b""
                while part := connection.recv(1 << 16):
                    answer += part
                while answer.startswith(b"HTTP/1.1 100 "):
                    answer = answer.partition(b"\r\n\r\n")[2]
                answers[answer[9:12].decode() if answer.startswith(b"HTTP/1.1 ") else "closed"] += 1
            except (ConnectionResetError, BrokenPipeError):
                answers["closed"] += 1
    except TimeoutError:
        print(f"request {n}: no answer within 20 s: {data[:300]!r}", file=sys.stderr)
        sys.exit(1)
    except ConnectionRefusedError:
        print(f"request {n}: the server does not listen any more", file=sys.stderr)
        sys.exit(1)
print(json.dumps(answers))
