#!/usr/bin/env python3
"""Rewrites the CIDs in unixfs.json with what a real Kubo gives for its recipes.

Run by hand, never by a test: python3 tests/vectors/unixfs.py PATH_TO_IPFS
(Kubo 0.43 or later; needs no network and no daemon).
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

VECTORS = pathlib.Path(__file__).with_name("unixfs.json")


def write(node, path):
    """Lays a recipe down on disk; the recipes are explained in the vectors' own _comment."""
    (kind, value), = node.items()
    if kind == "pattern":
        path.write_bytes(bytes((i * 2654435761 % 2**32) >> 24 for i in range(value)))
    elif kind == "text":
        path.write_text(value, encoding="utf-8")
    elif kind == "symlink":
        path.symlink_to(value)
    elif kind == "folder":
        path.mkdir()
        for name, child in value.items():
            write(child, path / name)
    elif kind == "entries":
        path.mkdir()
        for i in range(value["count"]):
            name = str(i).zfill(value["name_width"])
            (path / name).write_text(name)
    else:
        raise SystemExit(f"unknown recipe {kind}")


def main():
    ipfs = sys.argv[1]
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as scratch:
        env = {**os.environ, "IPFS_PATH": f"{scratch}/repo"}
        subprocess.run([ipfs, "init", "-e"], env=env, check=True, stdout=subprocess.DEVNULL)
        version = subprocess.run([ipfs, "version", "-n"], env=env, check=True, capture_output=True, text=True)
        vectors["kubo"] = version.stdout.strip()
        for i, case in enumerate(vectors["cases"]):
            path = pathlib.Path(scratch) / str(i)
            write(case["tree"], path)
            command = [ipfs, "add", "--only-hash", "-r", "-Q", "--hidden"]
            command += ["--cid-version=1", "--hash=blake3", "--raw-leaves", str(path)]
            done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
            case["cid"] = done.stdout.strip()
    VECTORS.write_text(json.dumps(vectors, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


main()
