#!/usr/bin/env python3
"""Trains model.onnx on scikit-learn's digits, and takes the samples from the part that it never trained on.

The network's weights and activations are whole numbers small enough that every sum in it stays below 2^24, so
32-bit floats hold each of them exactly. Any order of summation, vector width, fused multiply-add or GPU then gives
the same scores, which ordinary weights never promise. This is shown here from the weights, not assumed.

Run it in an environment with requirements.txt and train-requirements.txt. Another machine's BLAS may train other
weights of the same quality: the committed model.onnx is the one that jobs run, and its name is its sha256.

  train.py           trains, writes model.onnx, samples/ and answers.json beside itself
  train.py --check   measures the committed model.onnx and changes nothing
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

HERE = Path(__file__).resolve().parent
SEED = 6
HELD_OUT = 0.25
HIDDEN = 48
SAMPLES_PER_DIGIT = 2
# Whole numbers that 8 bits hold, so that reduced-precision GPU formats (TF32: 11 bits) hold them too.
WEIGHT_MAX = 127
ACTIVATION_MAX = 255
INPUT_MAX = 16
EXACT_BELOW = 1 << 24  # every whole number up to here is a 32-bit float


def split():
    """Images as rows of 64 greys (0 to 16), digits, and the places of the training and held-out parts."""
    data = load_digits()
    places = np.arange(len(data.target))
    train, held_out = train_test_split(places, test_size=HELD_OUT, random_state=SEED, stratify=data.target)
    return data.data.astype(np.int64), data.target, train, held_out


def train_weights(images, digits):
    """Two layers of whole-number weights, the divisor between them, and what a score's unit is worth."""
    model = MLPClassifier((HIDDEN,), alpha=1e-2, max_iter=600, random_state=SEED)
    model.fit(images, digits)
    (w1, w2), (b1, b2) = model.coefs_, model.intercepts_
    unit1 = WEIGHT_MAX / np.abs(w1).max()
    w1, b1 = np.rint(w1 * unit1).astype(np.int64), np.rint(b1 * unit1).astype(np.int64)
    hidden = np.maximum(images @ w1 + b1, 0)
    # A power of two: dividing by it is exact, and so is the floor after it.
    divisor = 1 << int(np.ceil(np.log2(hidden.max() / ACTIVATION_MAX)))
    unit2 = WEIGHT_MAX / np.abs(w2).max()
    score_unit = unit1 / divisor * unit2
    w2, b2 = np.rint(w2 * unit2).astype(np.int64), np.rint(b2 * score_unit).astype(np.int64)
    return w1, b1, divisor, w2, b2, 1 / score_unit


def scores(weights, images):
    """What the network is, in 64-bit whole numbers."""
    w1, b1, divisor, w2, b2, _ = weights
    hidden = np.minimum(np.maximum(images @ w1 + b1, 0) // divisor, ACTIVATION_MAX)
    return hidden @ w2 + b2


def sum_max(weights):
    """The largest that any sum in the network can get, in any order of its terms, for any image."""
    w1, b1, _, w2, b2, _ = weights
    first = (np.abs(w1).sum(axis=0) * INPUT_MAX + np.abs(b1)).max()
    second = (np.abs(w2).sum(axis=0) * ACTIVATION_MAX + np.abs(b2)).max()
    return int(max(first, second))


def to_onnx(weights):
    """The same network as ONNX: only operators that the CPU's and CUDA's providers both have."""
    w1, b1, divisor, w2, b2, unit = weights
    constants = {"w1": w1, "b1": b1, "w2": w2, "b2": b2, "inverse_divisor": 1 / divisor, "most": ACTIVATION_MAX}
    nodes = [
        helper.make_node("MatMul", ["image", "w1"], ["product1"]),
        helper.make_node("Add", ["product1", "b1"], ["sum1"]),
        helper.make_node("Relu", ["sum1"], ["positive"]),
        helper.make_node("Mul", ["positive", "inverse_divisor"], ["scaled"]),
        helper.make_node("Floor", ["scaled"], ["floored"]),
        helper.make_node("Min", ["floored", "most"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "w2"], ["product2"]),
        helper.make_node("Add", ["product2", "b2"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 64])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(np.asarray(value, dtype=np.float32), name) for name, value in constants.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="lilypad train.py"
    )
    helper.set_model_props(model, {"score_unit": repr(float(unit))})
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def from_onnx(model):
    """The weights in a model that to_onnx wrote."""
    parsed = onnx.load_from_string(model)
    c = {tensor.name: numpy_helper.to_array(tensor).astype(np.float64) for tensor in parsed.graph.initializer}
    w1, b1, w2, b2 = (c[name].astype(np.int64) for name in ("w1", "b1", "w2", "b2"))
    return w1, b1, int(1 / c["inverse_divisor"]), w2, b2, float(parsed.metadata_props[0].value)


def check(model, images, digits, held_out):
    """Prints what the model is worth; ends the program if its arithmetic is not exact."""
    weights = from_onnx(model)
    largest = sum_max(weights)
    exact = scores(weights, images)
    for threads, level in ((1, ort.GraphOptimizationLevel.ORT_DISABLE_ALL),
                           (2, ort.GraphOptimizationLevel.ORT_ENABLE_ALL)):
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.graph_optimization_level = threads, level
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        (run,) = session.run(["score"], {"image": images.astype(np.float32)})
        if not np.array_equal(run, exact):
            sys.exit(f"train.py: scores differ from exact arithmetic with {threads} threads; the model is no good")
    if largest >= EXACT_BELOW:
        sys.exit(f"train.py: a sum can reach {largest}, and only those below {EXACT_BELOW} are exact")
    right = exact.argmax(axis=1) == digits
    print(f"model.onnx     {len(model)} bytes, sha256 {hashlib.sha256(model).hexdigest()}")
    print(f"held-out part  {right[held_out].sum()} of {len(held_out)} right, {right[held_out].mean():.4f}")
    print(f"largest sum    {largest} of {EXACT_BELOW - 1}; all {len(images)} images' scores equal exact arithmetic")


def pgm(image):
    """An 8x8 image as plain PGM text."""
    rows = "\n".join(" ".join(f"{grey:2}" for grey in row) for row in image.reshape(8, 8))
    return f"P2\n8 8\n{INPUT_MAX}\n{rows}\n"


def write_samples(weights, images, digits, held_out):
    """The first held-out images of each digit, named by their place in the data set, and what each must give.

    None is chosen for being easy. The scores come from whole numbers, not from the ONNX model.
    """
    chosen = sorted(p for d in range(10) for p in [p for p in held_out if digits[p] == d][:SAMPLES_PER_DIGIT])
    folder = HERE / "samples"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.pgm"):
        old.unlink()
    answers = {}
    for place in chosen:
        (folder / f"{place:04}.pgm").write_text(pgm(images[place]))
        answers[f"{place:04}.pgm"] = {"digit": int(digits[place]), "scores": scores(weights, images[place]).tolist()}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(answer)}" for name, answer in answers.items())
    (HERE / "answers.json").write_text(f"{{\n{lines}\n}}\n")


def main():
    images, digits, train, held_out = split()
    path = HERE / "model.onnx"
    if sys.argv[1:] == ["--check"]:
        check(path.read_bytes(), images, digits, held_out)
        return
    if sys.argv[1:]:
        sys.exit(__doc__)
    model = to_onnx(train_weights(images[train], digits[train]))
    check(model, images, digits, held_out)
    path.write_bytes(model)
    write_samples(from_onnx(model), images, digits, held_out)


if __name__ == "__main__":
    main()
