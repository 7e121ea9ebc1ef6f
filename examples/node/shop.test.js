// Tests of the shop with the emulator. Run: npm ci && npm test
"use strict";

const assert = require("node:assert");
const { randomBytes } = require("node:crypto");
const { once } = require("node:events");
const { after, before, test } = require("node:test");
const twilio = require("twilio");
const { startEmulator } = require("./emulator.js");
const { createShop } = require("./shop.js");

const account = "AC" + randomBytes(16).toString("hex");
const newCall = () => "CA" + randomBytes(16).toString("hex");
let emulator, shop;

before(async () => {
  emulator = await startEmulator();
  const client = twilio(account, "0".repeat(32));
  client.api.baseUrl = emulator.url;
  shop = createShop(client).listen(0, "127.0.0.1");
  await once(shop, "listening");
});

after(() => {
  shop?.closeAllConnections();
  shop?.close();
  emulator?.stop();
});

const sendUpdate = (call, step) =>
  fetch(`http://127.0.0.1:${shop.address().port}/calls/${call}/steps`, { method: "POST", body: JSON.stringify(step) });
const waitFor = async (call, rest) => (await fetch(`${emulator.url}/_emulator/messages?call_sid=${call}&${rest}`)).json();

test("each step sends a message, and a repeated step none", async () => {
  const call = newCall();
  for (const step of ["received", "packed", "packed"]) await sendUpdate(call, { order: 7, step });

  const page = await waitFor(call, "at_least=2&timeout=5");
  assert.deepStrictEqual(page.messages.map((message) => message.json.step), ["received", "packed"]);
});

test("a message after the end of a call is a conflict", async () => {
  const call = newCall();
  const headers = { "Content-Type": "application/json" };
  await fetch(`${emulator.url}/_emulator/calls/${call}`, { method: "PUT", headers, body: '{"status": "completed"}' });

  assert.strictEqual((await sendUpdate(call, { order: 7, step: "sent" })).status, 409);
  assert.strictEqual((await waitFor(call, "at_most=0&within=0")).satisfied, true);
});
