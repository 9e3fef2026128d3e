"""Takes the Azure CLI through what an operator does around backends, against a running emulator.

Usage: REQUESTS_CA_BUNDLE=ca.pem python azure_cli.py BASE-URL, with the Python that has the package azure-cli
(docs/emulator.md says it in full). Settings go into a directory of their own, which is removed at the end.
"""

import json
import os
import subprocess
import sys
import tempfile

ENDPOINT = sys.argv[1]
TENANT = "11111111-1111-1111-1111-111111111111"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
GROUP = "Api-Default-WestUS"
BACKENDS = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.ApiManagement/service/contoso/backends"
)
VERSION = "api-version=2024-05-01"
IN_SERVICE = ["-g", GROUP, "--service-name", "contoso"]


def az(environment, *arguments, expected=None, fails_with=None):
    """Runs one command; its JSON output must be what is expected, or its error must contain a text."""
    run = subprocess.run(
        [sys.executable, "-m", "azure.cli", *arguments, "--only-show-errors"],
        env=environment,
        capture_output=True,
        text=True,
    )
    command = "az " + " ".join(arguments)
    if fails_with is not None:
        assert run.returncode != 0 and fails_with in run.stderr, f"{command}: {run.stdout}{run.stderr}"
        return
    assert run.returncode == 0, f"{command}: {run.stderr}"
    if expected is not None:
        found = json.loads(run.stdout)
        assert found == expected, f"{command}: expected {expected}, found {found}"


def main(directory):
    environment = os.environ | {
        "AZURE_CONFIG_DIR": directory,
        "AZURE_CORE_INSTANCE_DISCOVERY": "false",
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
        "NO_PROXY": "127.0.0.1",
    }

    def run(*arguments, **checks):
        az(environment, *arguments, **checks)

    # With the slash that people copy along.
    run("cloud", "register", "-n", "emulator", "--endpoint-resource-manager", f"{ENDPOINT}/")
    run("cloud", "set", "-n", "emulator")
    run("login", "--service-principal", "-u", "33333333-3333-3333-3333-333333333333", "-p", "secret", "-t", TENANT)
    run("account", "show", "--query", "id", expected=SUBSCRIPTION)

    one = ["--url", f"{BACKENDS}/1?{VERSION}"]
    run("rest", "--method", "get", *one, "--query", "name", expected="1")
    title = ["--body", '{"properties":{"title":"T"}}', "--query", "properties.title"]
    run("rest", "--method", "patch", *one, "--headers", "If-Match=*", *title, expected="T")
    reset = ["--url", f"{BACKENDS}/1/reconnect?{VERSION}"]
    run("rest", "--method", "post", *reset)
    run("rest", "--method", "post", *reset, "--body", '{"properties":{"after":"PT3S"}}')

    run("apim", "show", "-g", GROUP, "-n", "contoso", "--query", "name", expected="contoso")
    run("apim", "check-name", "-n", "contoso", "--query", "reason", expected="AlreadyExists")
    mine = [*IN_SERVICE, "--backend-id", "from-cli"]
    url = ["--url", "https://cli.contoso.example", "--protocol", "http"]
    run("apim", "backend", "create", *mine, *url, "--query", "name", expected="from-cli")
    run("apim", "backend", "update", *mine, "--description", "D", "--query", "description", expected="D")
    run("apim", "backend", "list", *IN_SERVICE, "--query", "length(@)", expected=251)
    run("apim", "backend", "show", *mine, "--query", "url", expected="https://cli.contoso.example")
    run("apim", "backend", "delete", *mine, "--yes")
    run("apim", "backend", "show", *mine, fails_with="(ResourceNotFound) Backend not found.")

    run("group", "exists", "-n", GROUP, expected=True)
    run("group", "create", "-n", "made", "-l", "westus", "--tags", "a=b", "--query", "name", expected="made")
    run("group", "list", "--tag", "a=b", "--query", "[].name", expected=["made"])
    run("group", "show", "-n", "made", "--query", "tags.a", expected="b")
    run("group", "delete", "-n", "made", "--yes")
    run("group", "exists", "-n", "made", expected=False)
    run("provider", "show", "-n", "Microsoft.ApiManagement", "--query", "registrationState", expected="Registered")
    services = ["--resource-type", "Microsoft.ApiManagement/service", "--query", "[].name"]
    run("resource", "list", *services, expected=["contoso"])
    run("account", "list-locations", "--query", "[0].name", expected="westus")


with tempfile.TemporaryDirectory() as home:
    main(home)
print("ok: the Azure CLI")
