// Starts an emulator for tests, or uses the one at EMULATOR_URL.
"use strict";

const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { existsSync } = require("node:fs");
const { join } = require("node:path");
const { createInterface } = require("node:readline");

const IN_CLONE = join(__dirname, "../../.venv/bin/twilio-udm-emulator"); // created by `make serve`
const NOT_FOUND = `twilio-udm-emulator was not found. Do one of the following:
  - run \`make serve\` once in the clone of the emulator,
  - activate a Python environment with the emulator, so that the command is on your PATH,
  - set EMULATOR_URL to a running emulator.`;

async function startEmulator() {
  if (process.env.EMULATOR_URL) return { url: process.env.EMULATOR_URL, stop() {} };
  const command = existsSync(IN_CLONE) ? IN_CLONE : "twilio-udm-emulator";
  const emulator = spawn(command, ["serve", "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  const failed = new Promise((_, reject) => {
    emulator.on("error", (error) => reject(error.code === "ENOENT" ? new Error(NOT_FOUND) : error));
    emulator.on("exit", (code) => reject(new Error(`${command} exited with code ${code}; see its error above`)));
  });
  const [line] = await Promise.race([once(createInterface({ input: emulator.stdout }), "line"), failed]);
  failed.catch(() => {}); // stop() also ends the process
  return { url: line.split(" ")[1], stop: () => emulator.kill() }; // ready http://127.0.0.1:…
}

module.exports = { startEmulator };
