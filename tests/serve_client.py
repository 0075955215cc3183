#!/usr/bin/env python3
"""A client of the Open Inference Protocol with nothing but Python's standard library: what tritonclient sends and reads, by hand.
  serve_client.py URL MODEL PID [--reloads N]   tensors in JSON and binary; then reloads (6) and, last, the server's end, all under load
  serve_client.py URL MODEL --overload          a server that may hold four images
Exit code 1 where an answer is wrong or a request was lost."""
import http.client
import json
import os
import random
import signal
import struct
import sys
import threading
import urllib.parse

url, model = urllib.parse.urlsplit(sys.argv[1]), sys.argv[2]
path = f"/v2/models/{model}/infer"
pixels = random.Random(1).randbytes(2 * 32 * 32 * 3)


def connect():
    return http.client.HTTPConnection(url.hostname, url.port, timeout=60)


def binary_request(images, outputs):
    """Inference-Header-Content-Length, JSON, bytes."""
    tensor = pixels[: images * 3072] if images <= 2 else pixels[:3072] * images
    head = json.dumps({
        "id": "7", "inputs": [{"name": "image", "shape": [images, 32, 32, 3], "datatype": "UINT8", "parameters": {"binary_data_size": len(tensor)}}],
        "outputs": [{"name": name, "parameters": {"binary_data": True}} for name in outputs]}).encode()
    return head + tensor, {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}


def ask(connection, body, headers, method="POST", where=path):
    connection.request(method, where, body, headers)
    response = connection.getresponse()
    return response, response.read()


def tensors(response, body):
    length = response.getheader("Inference-Header-Content-Length")
    at = int(length) if length else len(body)
    head, out = json.loads(body[:at]), {}
    for output in head["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            out[output["name"]] = output["data"]
            continue
        data, at = body[at : at + size], at + size
        if output["datatype"] == "BYTES":
            values = []
            while data:
                n = struct.unpack("<I", data[:4])[0]
                values.append(data[4 : 4 + n].decode())
                data = data[4 + n :]
        else:
            values = list(struct.unpack(f"<{len(data) // 4}{'i' if output['datatype'] == 'INT32' else 'f'}", data))
        out[output["name"]] = values
    assert at == len(body), "bytes behind the last tensor"
    return head, out


def check_protocol():
    names = ["label", "class", "probability", "exit", "logits", "probabilities"]
    connection = connect()
    response, body = ask(connection, *binary_request(2, names))
    assert response.status == 200, body
    head, binary = tensors(response, body)
    assert head["id"] == "7" and head["model_name"] == model and head["model_version"] == "1", head
    assert len(binary["logits"]) == 20 and abs(sum(binary["probabilities"]) - 2) < 1e-5
    nested = [[list(pixels[i * 3072 + 3 * p : i * 3072 + 3 * p + 3]) for p in range(1024)] for i in range(2)]
    nested = [[image[32 * row : 32 * row + 32] for row in range(32)] for image in nested]
    for data in (list(pixels), nested):
        request = {"inputs": [{"name": "image", "shape": [2, 32, 32, 3], "datatype": "UINT8", "data": data}],
                   "outputs": [{"name": name} for name in names]}
        response, body = ask(connection, json.dumps(request), {"Content-Type": "application/json"})
        assert response.status == 200, body
        _, text = tensors(response, body)
        for name in names:
            same = all(abs(a - b) < 1e-6 for a, b in zip(text[name], binary[name])) if name != "class" else text[name] == binary[name]
            assert same, (name, text[name], binary[name])
    request["outputs"] = [{"name": "probabilities", "parameters": {"classification": 3}}]
    response, body = ask(connection, json.dumps(request), {"Content-Type": "application/json"})
    top = tensors(response, body)[1]["probabilities"]
    assert len(top) == 6 and top[0].split(":")[1:] == [str(binary["label"][0]), binary["class"][0]], top
    request["parameters"] = {"timeout": 1}  # a microsecond
    response, body = ask(connection, json.dumps(request), {"Content-Type": "application/json"})
    assert response.status == 504, (response.status, body)


class Load:
    """Clients that ask one thing after the other, each on a connection of its own, until they are told or sent away."""

    def __init__(self, clients, images=1, most=10**9):
        self.body, self.headers = binary_request(images, ["label"])
        self.stop, self.lock = threading.Event(), threading.Lock()
        self.most, self.statuses, self.lost = most, {}, []
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self):
        connection, n = connect(), 0
        while not self.stop.is_set() and n < self.most:
            try:
                connection.connect()
            except ConnectionRefusedError:
                return  # nothing was asked
            closed = False
            while not closed and not self.stop.is_set() and n < self.most:
                n += 1
                try:
                    response, _ = ask(connection, self.body, self.headers)
                except Exception as error:
                    with self.lock:
                        self.lost.append(repr(error))
                    return
                with self.lock:
                    self.statuses[response.status] = self.statuses.get(response.status, 0) + 1
                if response.status == 429:
                    assert response.getheader("Retry-After")
                closed = response.getheader("Connection") == "close"
            connection.close()

    def wait_for(self, answers):
        while sum(self.statuses.values()) < answers and any(thread.is_alive() for thread in self.threads):
            threading.Event().wait(0.01)

    def join(self):
        for thread in self.threads:
            thread.join()


def main():
    if sys.argv[3] == "--overload":
        load = Load(8, images=4, most=10)
        load.join()
        assert not load.lost and set(load.statuses) == {200, 429}, (load.statuses, load.lost)
        response, body = ask(connect(), *binary_request(5, ["label"]))
        assert response.status == 400, (response.status, body)
        print(f"overload: {load.statuses}")
        return
    check_protocol()
    pid = int(sys.argv[3])
    reloads = int(sys.argv[5]) if len(sys.argv) > 5 else 6
    load, admin = Load(8), connect()
    for i in range(reloads):
        load.wait_for(40 * (i + 1))
        if i % 2:
            os.kill(pid, signal.SIGHUP)
        else:
            response, body = ask(admin, b"", {}, where=f"/v2/repository/models/{model}/load")
            assert response.status == 200, body
    admin.close()
    before = sum(load.statuses.values())
    load.wait_for(before + 40)
    os.kill(pid, signal.SIGTERM)
    load.join()
    assert not load.lost and set(load.statuses) == {200}, (load.statuses, load.lost)
    print(f"reloads and the end under load: {load.statuses}, {reloads} reloads, none lost")


main()
