// Takes the official JavaScript SDK through every call on backends against a running emulator.
// Usage: NODE_EXTRA_CA_CERTS=ca.pem node javascript.mjs BASE-URL (docs/emulator.md says it in full)
import assert from "node:assert/strict";
import { ApiManagementClient } from "@azure/arm-apimanagement";
import { ClientSecretCredential } from "@azure/identity";

const endpoint = process.argv[2];
const subscription = "00000000-0000-0000-0000-000000000001";
const at = ["Api-Default-WestUS", "contoso"];

async function calls(credential) {
  const { backend } = new ApiManagementClient(credential, subscription, { endpoint });

  const first = await backend.get(...at, "1");
  assert.equal(first.name, "1");
  assert.ok(first.eTag);
  assert.ok((await backend.getEntityTag(...at, "1")).eTag);

  await backend.reconnect(...at, "1", { parameters: { after: "PT3S" } });
  await backend.reconnect(...at, "1");

  const changed = await backend.update(...at, "1", "*", { title: "Changed" });
  assert.equal(changed.title, "Changed");
  await assert.rejects(backend.update(...at, "1", first.eTag, { title: "Late" }), { statusCode: 412 });

  const created = await backend.createOrUpdate(...at, "from-js", { url: "https://js.contoso.example", protocol: "http" });
  assert.equal(created.name, "from-js");
  const names = [];
  for await (const { name } of backend.listByService(...at)) names.push(name);
  assert.ok(names.includes("1") && names.includes("from-js"));

  await backend.delete(...at, "from-js", "*");
  await assert.rejects(backend.get(...at, "from-js"), { statusCode: 404, code: "ResourceNotFound" });
  return names.length;
}

// A token got elsewhere, here any text.
const count = await calls({ getToken: async () => ({ token: "any", expiresOnTimestamp: Date.now() + 3_600_000 }) });
// A token of the emulator's own token endpoint.
await calls(
  new ClientSecretCredential("11111111-1111-1111-1111-111111111111", "client", "secret", {
    authorityHost: endpoint,
    disableInstanceDiscovery: true,
  }),
);
console.log(`ok: ${count} backends listed`);
