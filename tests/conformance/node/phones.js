// Twilio's Voice SDK, unmodified, told what to do by lines of JSON on stdin; tells what happens on stdout.
// node --require voice-shim.cjs phones.js <package>; a phone is a Device and the call that it is in.
"use strict";

const { subscribe } = require("node:diagnostics_channel");
const { createInterface } = require("node:readline");

const sockets = [];
subscribe("net.client.socket", ({ socket }) => sockets.push(socket));

const { Device } = require(process.argv[2]);

const phones = new Map();

class Phone {
  constructor(name) {
    this.name = name;
    this.device = new Device(name, { logLevel: 5 });
    for (const event of ["registered", "unregistered"]) this.device.on(event, () => this.tell(event));
    this.device.on("error", (error) => this.tellError("device", error));
    this.device.on("incoming", (call) => {
      const custom = Object.fromEntries(call.customParameters);
      this.follow(call).tell("incoming", { ...call.parameters, custom, status: call.status() });
    });
  }

  tell(event, detail = {}) {
    process.stdout.write(`${JSON.stringify({ phone: this.name, event, ...detail })}\n`);
  }

  // An SDK that has no class for the emulator's error makes an "unknown" one around it.
  tellError(at, { code, message, originalError }) {
    this.tell("error", { at, code, message, original: originalError?.code });
  }

  follow(call) {
    this.call_ = call;
    for (const event of ["ringing", "accept", "reconnected", "disconnect", "cancel", "reject"]) {
      call.on(event, () => this.tell(event, { call_sid: call.parameters.CallSid, status: call.status() }));
    }
    call.on("reconnecting", ({ code }) => this.tell("reconnecting", { code }));
    call.on("error", (error) => this.tellError("call", error));
    call.on("messageReceived", (message) => this.tell("messageReceived", message));
    call.on("messageSent", (message) => this.tell("messageSent", message));
    return this;
  }

  register = () => this.device.register();
  destroy = () => this.device.destroy();
  unregister = () => this.device.unregister();
  call = async (params) => this.follow(await this.device.connect({ params }));
  accept = () => this.call_.accept();
  reject = () => this.call_.reject();
  hangUp = () => this.call_.disconnect();
  send = (message) => this.tell("sending", { voiceEventSid: this.call_.sendMessage(message) });
  loseSockets = () => sockets.splice(0).forEach((socket) => socket.destroy());
}

createInterface({ input: process.stdin }).on("line", async (line) => {
  const { phone: name, act, given } = JSON.parse(line);
  if (!phones.has(name)) phones.set(name, new Phone(name));
  await phones.get(name)[act](given);
}).on("close", () => process.exit()); // the SDK's timer waits for its token to expire
