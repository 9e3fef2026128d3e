"""Takes the official Python SDK through every call on backends against a running emulator.

Usage: REQUESTS_CA_BUNDLE=ca.pem python python.py BASE-URL (docs/emulator.md says it in full)
"""

import sys
import time
from datetime import timedelta

from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.mgmt.apimanagement import ApiManagementClient
from azure.mgmt.apimanagement.models import BackendContract, BackendReconnectContract, BackendUpdateParameters

ENDPOINT = sys.argv[1]
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
AT = ("Api-Default-WestUS", "contoso")


class AnyToken:
    """A token got elsewhere, here any text."""

    def get_token(self, *scopes, **options):
        return AccessToken("any", int(time.time()) + 3600)


def calls(credential):
    client = ApiManagementClient(
        credential,
        SUBSCRIPTION,
        base_url=ENDPOINT,
        credential_scopes=[f"{ENDPOINT}/.default"],
    )
    backend = client.backend

    assert backend.get(*AT, "1").name == "1"
    assert backend.get_entity_tag(*AT, "1")
    backend.reconnect(*AT, "1", BackendReconnectContract(after=timedelta(seconds=3)))
    backend.reconnect(*AT, "1")

    changed = backend.update(*AT, "1", "*", BackendUpdateParameters(title="Changed"))
    assert changed.title == "Changed"
    try:
        backend.update(*AT, "1", '"stale"', BackendUpdateParameters(title="Late"))
        raise SystemExit("a stale ETag was accepted")
    except HttpResponseError as error:
        assert error.status_code == 412
    created = backend.create_or_update(
        *AT, "from-python", BackendContract(url="https://python.contoso.example", protocol="http")
    )
    assert created.name == "from-python"
    names = [item.name for item in backend.list_by_service(*AT)]
    assert "1" in names and "from-python" in names

    backend.delete(*AT, "from-python", "*")
    try:
        backend.get(*AT, "from-python")
        raise SystemExit("a deleted backend is still there")
    except ResourceNotFoundError as error:
        assert error.error.code == "ResourceNotFound"
    return len(names)


count = calls(AnyToken())
# A token of the emulator's own token endpoint.
calls(
    ClientSecretCredential(
        "11111111-1111-1111-1111-111111111111",
        "client",
        "secret",
        authority=ENDPOINT,
        disable_instance_discovery=True,
    )
)
print(f"ok: {count} backends listed")
