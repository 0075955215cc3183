#!/usr/bin/env python3
"""Twelve nets with conventions that are not ours, made from two ONNX classifiers by other tools' means (onnx, numpy).

    odd_nets.py NET.onnx NET2.onnx IMAGES OUT

NET, NET2: one float32 input [N, 3, H, W] of RGB values normalised by the mean and deviation of ImageNet, one output of
logits; NET of operators that operator set 9 knows, too. IMAGES: JPEG files, one level of folders deep, shorter side H.
OUT gets NAME.onnx and NAME.json: {"a": [3], "b": [3], "order", "layout"}, where the net expects a * pixel + b for the
channels in that order.
"""
import json
import pathlib
import subprocess
import sys

import numpy

MEAN, STDDEV = numpy.array([0.485, 0.456, 0.406]), numpy.array([0.229, 0.224, 0.225])
A, B = 1 / (255 * STDDEV), -MEAN / STDDEV  # of a pixel from 0 to 255


def ranges(model, images):
    """Smallest and largest value of each output over some images. A process of its own: onnx and onnxruntime disturb each other."""
    import onnxruntime
    from PIL import Image

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    side = session.get_inputs()[0].shape[-1]
    found = {name: [numpy.inf, -numpy.inf] for name in names}
    for file in sorted(pathlib.Path(images).glob("*/*.JPEG"))[::100]:
        image = Image.open(file).convert("RGB")
        left, top = (image.width - side) // 2, (image.height - side) // 2
        pixels = numpy.asarray(image.crop((left, top, left + side, top + side)), numpy.float64) * A + B
        values = session.run(None, {session.get_inputs()[0].name: pixels.transpose(2, 0, 1)[None].astype(numpy.float32)})
        for name, value in zip(names, values):
            found[name] = [min(found[name][0], float(value.min())), max(found[name][1], float(value.max()))]
    print(json.dumps(found))


def make(net, net2, images, out):
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def load(file):
        model = onnx.load(file)
        for value in list(model.graph.value_info):
            model.graph.value_info.remove(value)  # of the shapes before a change
        return model

    def save(model, name, a=A, b=B, order="rgb", layout="nchw", **how):
        onnx.save_model(model, out / f"{name}.onnx", **how)
        truth = {"a": [float(x) for x in numpy.broadcast_to(a, 3)], "b": [float(x) for x in numpy.broadcast_to(b, 3)], "order": order, "layout": layout}
        (out / f"{name}.json").write_text(json.dumps(truth))

    def constant(model, name, value):
        model.graph.initializer.append(numpy_helper.from_array(numpy.asarray(value), name))
        return name

    def before(model, input_type, dims, nodes):
        """A new input `odd` of that type and shape, and nodes that make the net's own input of it."""
        graph = model.graph
        graph.input.remove(graph.input[0])
        graph.input.append(helper.make_tensor_value_info("odd", input_type, dims))
        for node in reversed(nodes):
            graph.node.insert(0, node)

    def shape_of(value):
        return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]

    def fix_batch(model, batch):
        for value in list(model.graph.input) + list(model.graph.output):
            value.type.tensor_type.shape.dim[0].Clear()
            value.type.tensor_type.shape.dim[0].dim_value = batch

    def answer(model, make_nodes, dims):
        """The output `answer`, made by nodes from what was the output."""
        old = model.graph.output[0]
        model.graph.output.remove(old)
        model.graph.node.extend(make_nodes(old.name))
        model.graph.output.append(helper.make_tensor_value_info("answer", TensorProto.FLOAT, dims))

    def normalised(model, source, target):
        """Nodes from pixels from 0 to 255 to what the net wants."""
        a = constant(model, "odd_a", A.astype(numpy.float32).reshape(1, 3, 1, 1))
        b = constant(model, "odd_b", B.astype(numpy.float32).reshape(1, 3, 1, 1))
        return [helper.make_node("Mul", [source, a], ["odd_scaled"]), helper.make_node("Add", ["odd_scaled", b], [target])]

    def look_at(values):
        """Ranges of values of NET, by name; values: their types."""
        looked = load(net)
        values.pop(looked.graph.input[0].name, None)
        del looked.graph.output[:]
        looked.graph.output.extend(helper.make_tensor_value_info(name, kind, None) for name, kind in values.items())
        onnx.save_model(looked, out / "looked.tmp")
        run = subprocess.run([sys.executable, __file__, "--ranges", str(out / "looked.tmp"), images], check=True,
                             capture_output=True)
        (out / "looked.tmp").unlink()
        return json.loads(run.stdout)

    model = load(net2)
    name, (batch, channels, height, width) = model.graph.input[0].name, shape_of(model.graph.input[0])
    before(model, TensorProto.FLOAT, [batch, height, width, channels],
           [helper.make_node("Transpose", ["odd"], [name], perm=[0, 3, 1, 2])])
    save(model, "nhwc", layout="nhwc")

    model = load(net)
    first = next(node for node in model.graph.node if node.op_type == "Conv")
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == first.input[1])
    weight.CopyFrom(numpy_helper.from_array(numpy.ascontiguousarray(numpy_helper.to_array(weight)[:, ::-1]), weight.name))
    save(model, "bgr", A[::-1], B[::-1], order="bgr")

    model = load(net2)
    name = model.graph.input[0].name
    before(model, TensorProto.FLOAT, shape_of(model.graph.input[0]), normalised(model, "odd", name))
    save(model, "levels", 1, 0)

    model = load(net)
    fix_batch(model, 16)
    save(model, "batch16")

    model = load(net)
    fix_batch(model, 1)
    classes = shape_of(model.graph.output[0])[1]
    shape = constant(model, "odd_shape", numpy.array([classes], numpy.int64))
    answer(model, lambda old: [helper.make_node("Reshape", [old, shape], ["answer"])], [classes])
    save(model, "flat")

    model = load(net2)
    dims = shape_of(model.graph.output[0])
    answer(model, lambda old: [helper.make_node("Softmax", [old], ["answer"], axis=1)], dims)
    save(model, "softmax")

    model = load(net2)
    name = model.graph.input[0].name
    before(model, TensorProto.UINT8, shape_of(model.graph.input[0]),
           [helper.make_node("Cast", ["odd"], ["odd_real"], to=TensorProto.FLOAT)] + normalised(model, "odd_real", name))
    save(model, "uint8", 1, 0)

    model = load(net)
    half = [tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT]
    for tensor in half:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(numpy.float16), tensor.name))
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.FLOAT16
            if node.op_type == "Constant" and attribute.name == "value" and attribute.t.data_type == TensorProto.FLOAT:
                attribute.t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(attribute.t).astype(numpy.float16)))
    for value in list(model.graph.input) + list(model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    save(model, "fp16")

    # QLinearConv between QuantizeLinear and DequantizeLinear: ranges of inputs and outputs over some images, weights a scale a channel.
    model = load(net)
    convs = [node for node in model.graph.node if node.op_type == "Conv"]
    found = look_at({name: TensorProto.FLOAT for node in convs for name in (node.input[0], node.output[0])})
    found[model.graph.input[0].name] = [float((A * 0 + B).min()), float((A * 255 + B).max())]
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}

    def grid(name):
        low, high = min(found[name][0], 0), max(found[name][1], 0)
        scale = max((high - low) / 255, 1e-9)
        return (constant(model, f"{name}/{grid.count}/scale", numpy.float32(scale)),
                constant(model, f"{name}/{grid.count}/zero", numpy.uint8(round(-low / scale))), scale)

    nodes = []
    for grid.count, node in enumerate(model.graph.node):
        if node.op_type != "Conv":
            nodes.append(node)
            continue
        x_scale, x_zero, x = grid(node.input[0])
        grid.count += 10000
        y_scale, y_zero, _ = grid(node.output[0])
        weight = tensors[node.input[1]]
        scales = numpy.maximum(numpy.abs(weight).reshape(len(weight), -1).max(1) / 127, 1e-9).astype(numpy.float32)
        stem = node.output[0]
        inputs = [f"{stem}/x", x_scale, x_zero,
                  constant(model, f"{stem}/w", numpy.rint(weight / scales.reshape(-1, 1, 1, 1)).astype(numpy.int8)),
                  constant(model, f"{stem}/w_scale", scales), constant(model, f"{stem}/w_zero", numpy.zeros(len(weight), numpy.int8)),
                  y_scale, y_zero]
        if len(node.input) > 2:
            inputs.append(constant(model, f"{stem}/b", numpy.rint(tensors[node.input[2]] / (x * scales)).astype(numpy.int32)))
        nodes.append(helper.make_node("QuantizeLinear", [node.input[0], x_scale, x_zero], [f"{stem}/x"]))
        conv = helper.make_node("QLinearConv", inputs, [f"{stem}/y"])
        conv.attribute.extend(node.attribute)
        nodes.append(conv)
        nodes.append(helper.make_node("DequantizeLinear", [f"{stem}/y", y_scale, y_zero], [stem]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    for tensor in [each for each in model.graph.initializer if each.name not in used]:
        model.graph.initializer.remove(tensor)
    save(model, "qlinear")

    save(load(net2), "external", save_as_external_data=True, all_tensors_to_one_file=True, location="external.data",
         size_threshold=1024)

    # Slice and Unsqueeze had attributes where they have inputs now; those are the same for all images.
    model = load(net)
    moved = {"Slice": ["starts", "ends", "axes"], "Unsqueeze": ["axes"]}
    odd = [node for node in model.graph.node if node.op_type in moved]
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    found = look_at({name: TensorProto.INT64 for node in odd for name in node.input[1:] if name not in constants})
    for node in odd:
        for attribute, name in zip(moved[node.op_type], node.input[1:]):
            value = constants[name] if name in constants else numpy.array(found[name])
            assert value.size < 3 and value.min() == value.max(), f"{node.name}: {name} is not one number"
            node.attribute.append(helper.make_attribute(attribute, [int(value.min())]))
        del node.input[1:]
    for node in model.graph.node:  # newer attributes, where they say what was always so
        known = onnx.defs.get_schema(node.op_type, 9).attributes
        for attribute in [each for each in node.attribute if each.name not in known]:
            assert attribute.i == 0 and set(attribute.ints) <= {1}, f"{node.name}: {attribute.name}"
            node.attribute.remove(attribute)
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", 9))
    onnx.checker.check_model(model)
    save(model, "opset9")

    model = load(net2)
    pooled = next(node for node in model.graph.node if node.op_type in ("ReduceMean", "GlobalAveragePool"))
    model.graph.output.insert(0, helper.make_tensor_value_info(pooled.output[0], TensorProto.FLOAT, None))
    save(model, "two_outputs")


if __name__ == "__main__":
    if sys.argv[1] == "--ranges":
        ranges(*sys.argv[2:])
    else:
        make(*sys.argv[1:4], pathlib.Path(sys.argv[4]))
