// Resets backends with the official JavaScript SDK and prints what it took.
// Usage: node fleet.mjs REQUESTS IN-FLIGHT
import { ApiManagementClient } from "@azure/arm-apimanagement";

const [requests, inFlight] = process.argv.slice(2).map(Number);
const credential = {
  getToken: async () => ({ token: process.env.AZURE_ACCESS_TOKEN, expiresOnTimestamp: Date.now() + 3_600_000 }),
};
const { backend } = new ApiManagementClient(credential, process.env.AZURE_SUBSCRIPTION_ID, {
  endpoint: process.env.AZURE_RESOURCE_MANAGER_ENDPOINT,
});
const reset = (id) => backend.reconnect("Api-Default-WestUS", "contoso", id);
const ids = Array.from({ length: requests }, (_, n) => String(n + 1));

// The first request belongs to the start: it gets the token and loads what is loaded late.
await reset("1");

let next = 0;
let failed = 0;
const work = async () => {
  while (next < ids.length) {
    try {
      await reset(ids[next++]);
    } catch {
      failed++;
    }
  }
};
const cpuBefore = process.cpuUsage();
const before = performance.now();
await Promise.all(Array.from({ length: inFlight }, work));
const seconds = (performance.now() - before) / 1000;
const cpu = process.cpuUsage(cpuBefore);
const whole = process.cpuUsage();
console.log(
  JSON.stringify({
    requests,
    failed,
    seconds,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    processCpuSeconds: (whole.user + whole.system) / 1e6,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  }),
);
