// Twilio's Voice SDK, unmodified, controlled by lines of JSON on stdin; prints its events to stdout.
// node --require voice-shim.cjs devices.js <package>; one SoftDevice is a Device and its call.
"use strict";

const { subscribe } = require("node:diagnostics_channel");
const { createInterface } = require("node:readline");

const sockets = [];
subscribe("net.client.socket", ({ socket }) => sockets.push(socket));

const { Device } = require(process.argv[2]);

const devices = new Map();

class SoftDevice {
  constructor(name) {
    this.name = name;
    this.device = new Device(name, { logLevel: 5 });
    for (const event of ["registered", "unregistered"]) this.device.on(event, () => this.report(event));
    this.device.on("error", (error) => this.reportError("device", error));
    this.device.on("incoming", (call) => {
      const custom = Object.fromEntries(call.customParameters);
      this.follow(call).report("incoming", { ...call.parameters, custom, status: call.status() });
    });
  }

  report(event, detail = {}) {
    process.stdout.write(`${JSON.stringify({ device: this.name, event, ...detail })}\n`);
  }

  // An SDK that has no class for the emulator's error makes an "unknown" one around it.
  reportError(at, { code, message, originalError }) {
    this.report("error", { at, code, message, original: originalError?.code });
  }

  follow(call) {
    this.call_ = call;
    for (const event of ["ringing", "accept", "reconnected", "disconnect", "cancel", "reject"]) {
      call.on(event, () => this.report(event, { call_sid: call.parameters.CallSid, status: call.status() }));
    }
    call.on("reconnecting", ({ code }) => this.report("reconnecting", { code }));
    call.on("error", (error) => this.reportError("call", error));
    call.on("messageReceived", (message) => this.report("messageReceived", message));
    call.on("messageSent", (message) => this.report("messageSent", message));
    return this;
  }

  register = () => this.device.register();
  destroy = () => this.device.destroy();
  unregister = () => this.device.unregister();
  call = async (params) => this.follow(await this.device.connect({ params }));
  accept = () => this.call_.accept();
  reject = () => this.call_.reject();
  hangUp = () => this.call_.disconnect();
  send = (message) => this.report("sending", { voiceEventSid: this.call_.sendMessage(message) });
  loseSockets = () => sockets.splice(0).forEach((socket) => socket.destroy());
}

createInterface({ input: process.stdin }).on("line", async (line) => {
  const { device: name, act, given } = JSON.parse(line);
  if (!devices.has(name)) devices.set(name, new SoftDevice(name));
  await devices.get(name)[act](given);
}).on("close", () => process.exit()); // the SDK's timer waits for its token to expire
