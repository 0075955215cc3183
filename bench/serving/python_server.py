#!/usr/bin/env python3
"""The peer of scripts/serving: the cascade of a plan as one serves it from Python, onnxruntime and numpy, with the same protocol (Open
Inference Protocol v2, binary tensors).  python_server.py PLAN PORT uvicorn|threads

uvicorn: its event loop in one process for each of two processors; threads: http.server of the standard library. Stage files carry the
logits and the score (docs/formats.md), so the cascade is a loop of a few lines. One thread per session, as the server has."""
import http.server
import json
import os
import pathlib
import sys

import numpy
import onnxruntime

directory, port, kind = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2]), sys.argv[3]
PROCESSES = 2


class Cascade:
    def __init__(self):
        self.plan = json.loads((directory / "plan.json").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.stages = []
        for stage in self.plan["stages"]:
            assert stage["input"] == "image", "expected stages that begin with the image"
            session = onnxruntime.InferenceSession(str(directory / stage["onnx"]), options, providers=["CPUExecutionProvider"])
            self.stages.append((session, session.get_inputs()[0].name, stage["exit"]))

    def answer(self, pixels):  # uint8 [1, H, W, C] -> label, probability, exit
        image = pixels.transpose(0, 3, 1, 2).astype(numpy.float32) / 255
        last = len(self.stages) - 1
        for i, (session, name, leave) in enumerate(self.stages):
            outputs = ["logits"] if i == last else ["logits", "score"]
            logits, *score = session.run(outputs, {name: image})
            if i == last or score[0].ravel()[0] <= leave["threshold"]:
                z = logits[0] / leave["temperature"]
                p = numpy.exp(z - z.max())
                label = int(p.argmax())
                return label, float(p[label] / p.sum()), i

    def infer(self, length, body):
        head = json.loads(body[:length])
        tensor = head["inputs"][0]
        pixels = numpy.frombuffer(body, numpy.uint8, tensor["parameters"]["binary_data_size"], length).reshape(tensor["shape"])
        label, probability, left = self.answer(pixels)
        values = {"label": numpy.int32(label), "probability": numpy.float32(probability), "exit": numpy.int32(left)}
        outputs = [{"name": output["name"], "datatype": "FP32" if output["name"] == "probability" else "INT32", "shape": [1],
                    "parameters": {"binary_data_size": 4}} for output in head["outputs"]]
        text = json.dumps({"model_name": directory.name, "model_version": "1", "outputs": outputs}).encode()
        return text, b"".join(values[output["name"]].tobytes() for output in head["outputs"])


def serve_threads():
    cascade = Cascade()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            text, binary = cascade.infer(int(self.headers["Inference-Header-Content-Length"]), body)
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Inference-Header-Content-Length", str(len(text)))
            self.send_header("Content-Length", str(len(text) + len(binary)))
            self.end_headers()
            self.wfile.write(text + binary)

        def log_message(self, *_):
            pass

    http.server.ThreadingHTTPServer.request_queue_size = 128
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


cascade = None


async def app(scope, receive, send):  # ASGI
    global cascade
    if scope["type"] != "http":
        return
    cascade = cascade or Cascade()
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    length = int(dict(scope["headers"])[b"inference-header-content-length"])
    text, binary = cascade.infer(length, body)
    await send({"type": "http.response.start", "status": 200, "headers": [
        (b"content-type", b"application/octet-stream"), (b"inference-header-content-length", str(len(text)).encode()),
        (b"content-length", str(len(text) + len(binary)).encode())]})
    await send({"type": "http.response.body", "body": text + binary})


if __name__ == "__main__":
    if kind == "threads":
        serve_threads()
    import uvicorn

    sys.argv[1] = str(directory)  # its processes read it again
    uvicorn.run("python_server:app", app_dir=str(pathlib.Path(__file__).parent), host="127.0.0.1", port=port, workers=PROCESSES, access_log=False, log_level="warning")
