"""Resets backends with the official Python SDK and prints what it took.

Usage: fleet.py REQUESTS IN-FLIGHT
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError
from azure.mgmt.apimanagement import ApiManagementClient

try:
    import resource
except ImportError:  # Windows has no such module; the peak of memory is then left out.
    resource = None


class Token:
    def get_token(self, *scopes, **options):
        return AccessToken(os.environ["AZURE_ACCESS_TOKEN"], int(time.time()) + 3600)


def peak_bytes():
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


count, in_flight = map(int, sys.argv[1:])
endpoint = os.environ["AZURE_RESOURCE_MANAGER_ENDPOINT"]
client = ApiManagementClient(
    Token(),
    os.environ["AZURE_SUBSCRIPTION_ID"],
    base_url=endpoint,
    credential_scopes=[f"{endpoint}/.default"],
)


def reset(backend):
    try:
        client.backend.reconnect("Api-Default-WestUS", "contoso", backend)
        return 0
    except AzureError:
        return 1


ids = [str(n) for n in range(1, count + 1)]
# The first request belongs to the start: it gets the token and loads what is loaded late.
reset("1")

with ThreadPoolExecutor(in_flight) as pool:
    cpu_before, before = time.process_time(), time.perf_counter()
    failed = sum(pool.map(reset, ids))
    seconds, cpu = time.perf_counter() - before, time.process_time() - cpu_before
print(
    json.dumps(
        {
            "requests": count,
            "failed": failed,
            "seconds": seconds,
            "cpuSeconds": cpu,
            "processCpuSeconds": time.process_time(),
            "peakBytes": peak_bytes(),
        }
    )
)
