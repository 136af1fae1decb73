#!/usr/bin/env python3
"""Says which digit each image in /inputs shows: a job for a container, on a GPU where there is one, else on the CPU.

Reads every PGM file under /inputs (8x8 pixels, or a square of a multiple of 8, which is averaged down). Writes
/outputs/predictions.json, and a line for each file on stdout: the digit, its probability, the file.

Stdout, stderr and outputs are the result, and others compare it byte by byte. So nothing in it tells where it was
computed, when, or how fast. Scores are whole numbers that any processor gets exactly (see train.py), probabilities
are rounded to PROBABILITY_DIGITS. Errors are in the user's words, never a library's, which may name a machine.
Exit codes: 0, 1 when a file could not be read as an image, 2 when nothing could be done.
"""

import argparse
import ctypes
import hashlib
import json
import math
import os
import re
import sys
from pathlib import Path

# Before numpy starts its own threads: the work is too small to share, and a job may have few processes allowed.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
import numpy as np  # noqa: E402

SIDE = 8
GREY_MAX = 16  # the greys that the model was trained on: 0 is paper, 16 is ink
PROBABILITY_DIGITS = 4
FILE_BYTES_MAX = 16 << 20
IMAGE_SIDE_MAX = 2048
BATCH = 512
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class Unreadable(Exception):
    """A file that is no image of a digit: what is wrong with it, and what would be right."""


class Unavailable(Exception):
    """A provider that can't be used here: why."""


def read_pgm(data):
    """The 64 greys, 0 to 16, of a PGM file's bytes."""
    header = re.match(rb"(P[25])" + rb"(?:\s+(?:#[^\n]*\n\s*)*)(\d{1,9})" * 3 + rb"\s", data)
    if not header:
        raise Unreadable("not a PGM image; give P2 or P5 with width, height and largest value")
    kind, width, height, most = header[1], *(int(number) for number in header.groups()[1:])
    if width != height or width % SIDE or not 0 < width <= IMAGE_SIDE_MAX:
        raise Unreadable(f"{width}x{height}; give a square, its side a multiple of 8 up to {IMAGE_SIDE_MAX}")
    if not 0 < most < 65536:
        raise Unreadable(f"largest value {most}; give 1 to 65535")
    body = data[header.end():]
    if kind == b"P5":
        dtype = np.dtype(">u2" if most > 255 else "u1")
        # At least: PGM allows what follows the first image.
        if len(body) < width * height * dtype.itemsize:
            raise Unreadable("fewer pixels than its header says")
        greys = np.frombuffer(body, dtype, width * height)
    else:
        words = re.sub(rb"#[^\n]*", b"", body).split()
        if len(words) != width * height or not all(re.fullmatch(rb"\d{1,5}", word) for word in words):
            raise Unreadable("its pixels are not as many whole numbers as its header says")
        greys = np.array([int(word) for word in words])
    if greys.max() > most:
        raise Unreadable(f"a pixel above its largest value, {most}")
    block = width // SIDE
    sums = greys.astype(np.int64).reshape(SIDE, block, SIDE, block).sum(axis=(1, 3)).reshape(SIDE * SIDE)
    full = most * block * block
    return (sums * GREY_MAX * 2 + full) // (full * 2)  # to the nearest, halves up: whole numbers, so no float rounds


def read_file(path):
    """The 64 greys of a file that a stranger named and filled."""
    if path.is_symlink() or not path.is_file():
        raise Unreadable("not a plain file")
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Unreadable(f"can't be opened: {os.strerror(error.errno)}") from None
    if len(data) > FILE_BYTES_MAX:
        raise Unreadable(f"over {FILE_BYTES_MAX} bytes")
    return read_pgm(data)


def find_files(folder):
    """Paths of all .pgm files under a folder, in the order of their names' bytes, and those names."""
    found = []
    for parent, _, names in os.walk(folder, followlinks=False):
        found += [Path(parent, name) for name in names if name.lower().endswith(".pgm")]
    named = [(path.relative_to(folder).as_posix(), path) for path in found]
    return sorted(named, key=lambda pair: os.fsencode(pair[0]))


def gpu_is_here():
    """Whether NVIDIA's driver answers with a device; asked directly, as ONNX Runtime would print that there is none."""
    count = ctypes.c_int(0)
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
        return cuda.cuInit(0) == 0 and cuda.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    except (OSError, AttributeError):  # no driver, or something else under its name
        return False


def session_options(ort):
    """One thread and one order of work, whatever the machine has; and no log."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.use_deterministic_compute = True
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return options


def run_model(model, images, provider):
    """The model's scores on one provider, with the score's unit; any exception means that it doesn't work here."""
    import onnxruntime as ort

    ort.set_default_logger_severity(4)
    name = PROVIDERS[provider]
    if name not in ort.get_available_providers():
        raise Unavailable("this build of ONNX Runtime doesn't have it")
    # TF32 would hold all these numbers too (see train.py); without it nobody has to believe that. And without the
    # library's own falling back, which prints on stdout.
    settings = [{"use_tf32": "0"} if provider == "cuda" else {}]
    session = ort.InferenceSession(model, session_options(ort), [name], settings, enable_fallback=0)
    if name not in session.get_providers():
        raise Unavailable("it doesn't start")
    unit = float(session.get_modelmeta().custom_metadata_map["score_unit"])
    batches = [images[start:start + BATCH] for start in range(0, len(images), BATCH)]
    scores = [session.run(["score"], {"image": batch})[0] for batch in batches]
    return np.concatenate(scores), unit


def choose_and_run(model, images, wanted):
    """Scores, their unit and the provider that gave them."""
    if wanted == "cuda" or (wanted == "auto" and gpu_is_here()):
        try:
            return *run_model(model, images, "cuda"), "cuda"
        except Exception as error:  # noqa: BLE001: a broken driver, too little memory, a missing library: all one here
            if wanted == "cuda":
                why = error if isinstance(error, Unavailable) else "it fails"
                fail(f"can't use CUDA here: {why}; run with --provider auto, or check the driver and the image")
    return *run_model(model, images, "cpu"), "cpu"


def probabilities(scores, unit):
    """Softmax in 64 bits, rounded: the only numbers here that are not exact."""
    powers = [math.exp((score - max(scores)) * unit) for score in scores]
    return [round(power / math.fsum(powers), PROBABILITY_DIGITS) for power in powers]


def write_result(outputs, model, predictions):
    """predictions.json, one prediction a line."""
    lines = ",\n".join("  " + json.dumps(prediction) for prediction in predictions)
    digest = hashlib.sha256(model).hexdigest()
    text = f'{{"model": "sha256:{digest}", "predictions": [\n{lines}\n]}}\n'
    (outputs / "predictions.json").write_text(text, encoding="ascii")


def fail(message):
    """Ends the program: nothing could be done."""
    print(f"infer: {message}", file=sys.stderr)
    sys.exit(2)


def parse_args():
    """The flags; none is needed in a job."""
    parser = argparse.ArgumentParser(description="Says which digit each PGM image shows.")
    parser.add_argument("--inputs", type=Path, default=Path("/inputs"), help="folder of images [/inputs]")
    parser.add_argument("--outputs", type=Path, default=Path("/outputs"), help="folder for the result [/outputs]")
    parser.add_argument("--model", type=Path, default=Path(__file__).with_name("model.onnx"), help="the ONNX model")
    parser.add_argument("--provider", choices=["auto", *PROVIDERS], default="auto", help="where to compute [auto]")
    parser.add_argument("--tell-provider", action="store_true",
                        help="write it to OUTPUTS/provider.txt; then results of unlike machines are not equal")
    return parser.parse_args()


def main():
    """Files in, answers out."""
    args = parse_args()
    try:
        model = args.model.read_bytes()
    except OSError as error:
        fail(f"can't read the model {args.model}: {os.strerror(error.errno)}")
    if not args.outputs.is_dir():
        fail(f"no folder {args.outputs}; name /outputs as an output of the job")
    files = find_files(args.inputs)
    if not files:
        fail(f"no .pgm file under {args.inputs}; give the job a folder of images as its input")
    predictions, images = [], []
    for name, path in files:
        prediction = {"file": name}
        try:
            images.append(read_file(path))
        except Unreadable as error:
            prediction["error"] = str(error)
            print(f"infer: {json.dumps(name)}: {error}", file=sys.stderr)
        predictions.append(prediction)
    readable = [prediction for prediction in predictions if "error" not in prediction]
    used = "none"
    if readable:
        scores, unit, used = choose_and_run(model, np.array(images, dtype=np.float32), args.provider)
        for prediction, row in zip(readable, scores.tolist(), strict=True):
            whole = [int(score) for score in row]
            chances = probabilities(whole, unit)
            digit = whole.index(max(whole))
            prediction.update(digit=digit, probability=chances[digit], probabilities=chances, scores=whole)
            print(f"{digit} {chances[digit]:.{PROBABILITY_DIGITS}f} {json.dumps(prediction['file'])[1:-1]}")
    try:
        write_result(args.outputs, model, predictions)
        if args.tell_provider:
            (args.outputs / "provider.txt").write_text(used + "\n", encoding="ascii")
    except OSError as error:
        fail(f"can't write to {args.outputs}: {os.strerror(error.errno)}")
    return 0 if len(readable) == len(predictions) else 1


if __name__ == "__main__":
    sys.exit(main())
