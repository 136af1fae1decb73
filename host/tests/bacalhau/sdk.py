"""Drives Bacalhau's own Python library against the API that BACALHAU_API_HOST and BACALHAU_API_PORT name.

Prints one JSON object; the test that runs this compares it.
"""

import base64
import io
import json
import sys
import tarfile
import time
import urllib.request

from bacalhau_apiclient.models.api_put_job_request import ApiPutJobRequest as PutJobRequest
from bacalhau_apiclient.models.input_source import InputSource
from bacalhau_apiclient.models.job import Job
from bacalhau_apiclient.models.network_config import NetworkConfig
from bacalhau_apiclient.models.resources_config import ResourcesConfig
from bacalhau_apiclient.models.result_path import ResultPath
from bacalhau_apiclient.models.spec_config import SpecConfig
from bacalhau_apiclient.models.task import Task
from bacalhau_apiclient.models.timeout_config import TimeoutConfig
from bacalhau_sdk.jobs import Jobs

jobs = Jobs()


def submit(name, engine, **more):
    task = Task(name="main", engine=engine, publisher=SpecConfig(type="local", params={}), **more)
    job = Job(name=name, type="batch", count=1, tasks=[task])
    return jobs.put(PutJobRequest(job=job)).job_id


def wait(job_id):
    for _ in range(600):
        job = jobs.get(job_id=job_id).job
        if job.state.state_type in ("Completed", "Failed", "Stopped"):
            return job.state.state_type
        time.sleep(0.1)
    return "late"


def files(job_id):
    url = jobs.results(job_id=job_id).items[0].params["URL"]
    with urllib.request.urlopen(url) as answer:
        archive = tarfile.open(fileobj=io.BytesIO(answer.read()), mode="r:gz")
    found = (member for member in archive.getmembers() if member.isfile())
    return {member.name: archive.extractfile(member).read().decode() for member in found}


def inline(data):
    return SpecConfig(type="inline", params={"URL": "data:;base64," + base64.b64encode(data).decode()})


image, module = sys.argv[1:]
told = {}

docker = submit(
    "sdk-docker",
    SpecConfig(
        type="docker",
        params={
            "Image": image,
            "Entrypoint": ["/bin/sh", "-c"],
            "Parameters": ["cat /in/data; echo $WHO; echo kept > /outputs/f; exit 6"],
        },
    ),
    env={"WHO": "sdk"},
    input_sources=[InputSource(source=inline(b"given\n"), target="/in/data")],
    result_paths=[ResultPath(name="outputs", path="/outputs")],
    resources=ResourcesConfig(cpu="200m", memory="64mb", disk="16mb"),
    network=NetworkConfig(type="None"),
    timeouts=TimeoutConfig(execution_timeout=60),
)
told["docker"] = {"state": wait(docker), "files": files(docker)}
execution = jobs.executions(job_id=docker).items[0]
told["docker"]["exit_code"] = execution.run_output.exit_code
told["docker"]["events"] = [item.event.message for item in jobs.history(job_id=docker).items]

with open(module, "rb") as file:
    source = InputSource(source=inline(file.read()), target="/m.wasm")
wasm = submit(
    "sdk-wasm",
    SpecConfig(type="wasm", params={"EntryModule": "/m.wasm", "Parameters": ["x"]}),
    input_sources=[source],
)
told["wasm"] = {"state": wait(wasm), "files": files(wasm)}

sleep = submit(
    "sdk-sleep",
    SpecConfig(type="docker", params={"Image": image, "Entrypoint": ["/bin/sleep"], "Parameters": ["100"]}),
)
told["stop"] = bool(jobs.stop(job_id=sleep, reason="enough").evaluation_id)
told["stopped"] = wait(sleep)
told["listed"] = sorted(job.name for job in jobs.list(limit=50).items if job.name.startswith("sdk-"))
print(json.dumps(told))
