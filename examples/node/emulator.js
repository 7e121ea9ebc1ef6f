// Starts an emulator for tests, or uses the running one of EMULATOR_URL.
"use strict";

const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { existsSync } = require("node:fs");
const { join } = require("node:path");
const { createInterface } = require("node:readline");

const OF_THE_CLONE = join(__dirname, "../../.venv/bin/twilio-udm-emulator"); // made by `make serve`
const NOT_FOUND = `twilio-udm-emulator was not found. Do one of these:
  - run \`make serve\` once in the clone of the emulator,
  - activate the Python environment that has the emulator, so that the command is on your PATH,
  - set EMULATOR_URL to a running emulator.`;

async function startEmulator() {
  if (process.env.EMULATOR_URL) return { url: process.env.EMULATOR_URL, stop() {} };
  const command = existsSync(OF_THE_CLONE) ? OF_THE_CLONE : "twilio-udm-emulator";
  const emulator = spawn(command, ["serve", "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  const failed = new Promise((_, reject) => {
    emulator.on("error", (error) => reject(error.code === "ENOENT" ? new Error(NOT_FOUND) : error));
    emulator.on("exit", (code) => reject(new Error(`${command} ended with exit code ${code}; its error is above`)));
  });
  const [line] = await Promise.race([once(createInterface({ input: emulator.stdout }), "line"), failed]);
  failed.catch(() => {}); // stop() ends it, too
  return { url: line.split(" ")[1], stop: () => emulator.kill() }; // ready http://127.0.0.1:…
}

module.exports = { startEmulator };
