// Redirects an unmodified Twilio Voice SDK to the emulator, without a browser: in Node 20 and newer, and in jsdom.
//   curl -O http://127.0.0.1:2010/_emulator/voice-shim.cjs
//   EMULATOR_URL=http://127.0.0.1:2010 node --require ./voice-shim.cjs your-test.js
// It adds the browser globals that the SDK requires, without audio, and redirects the SDK's own URLs.
// For your own window (jsdom): require("./voice-shim.cjs").install(dom.window).
"use strict";

const Module = require("node:module");
const { webcrypto } = require("node:crypto");

const emulator = (process.env.EMULATOR_URL || "http://127.0.0.1:2010").replace(/\/+$/, "");

// --- redirected URLs

// URLs of the SDK (regions.ts, constants.ts), and their replacements.
const signalling = /^wss:\/\/(?:voice-js|chunderw-vpc-gll)[\w.-]*\.twilio\.com\/signal$/;
const insights = /^https:\/\/eventgw\..*\btwilio\.com(\/v\d+\/\w+)$/;
const sounds = /^https:\/\/sdk\.twilio\.com(\/js\/client\/sounds\/.*)$/;
const here = (url) =>
  String(url)
    .replace(signalling, () => `${emulator.replace(/^http/, "ws")}/signal`)
    .replace(insights, (_, path) => `${emulator}/eventgw${path}`)
    .replace(sounds, (_, path) => emulator + path);
const led = (url) => (here(url) === String(url) ? url : here(url));

const ledSocket = (socket) =>
  new Proxy(socket, {
    construct: (socket, [url, ...rest], made) => Reflect.construct(socket, [led(url), ...rest], made),
  });
const ledFetch = (fetch) =>
  new Proxy(fetch, { apply: (fetch, self, [input, ...rest]) => Reflect.apply(fetch, self, [led(input), ...rest]) });
const ledRequest = (request) =>
  new Proxy(request, {
    construct(request, given, made) {
      const xhr = Reflect.construct(request, given, made);
      const open = xhr.open;
      xhr.open = (method, url, ...rest) => open.call(xhr, method, led(url), ...rest);
      return xhr;
    },
  });

// --- media without audio

class MediaStream {
  #tracks = [];
  addTrack = (track) => void this.#tracks.push(track);
  getTracks = () => [...this.#tracks];
  getAudioTracks = () => this.getTracks();
}

class MediaStreamTrack extends EventTarget {
  kind = "audio";
  enabled = true;
  readyState = "live";
  stop() {}
}

const microphone = async () => {
  const stream = new MediaStream();
  stream.addTrack(new MediaStreamTrack());
  return stream;
};

class Audio extends EventTarget {
  constructor() {
    super();
    setTimeout(() => this.dispatchEvent(new Event("canplaythrough")));
  }
  play = async () => {};
  pause() {}
  load() {}
  setAttribute() {}
  removeAttribute() {}
  setSinkId = async () => {};
}

class RTCSessionDescription {
  constructor({ type, sdp }) {
    Object.assign(this, { type, sdp });
  }
}

const description = (type) => ({
  type,
  sdp: ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "m=audio 9 UDP/TLS/RTP/SAVPF 111 0", "c=IN IP4 0.0.0.0"]
    .concat(["a=mid:0", "a=sendrecv", "a=setup:actpass", "a=rtpmap:111 opus/48000/2", "a=rtpmap:0 PCMU/8000", ""])
    .join("\r\n"),
});

// For the SDK, a call is open when the signalling state is stable again; it examines no packets.
class RTCPeerConnection {
  signalingState = "stable";
  iceConnectionState = "new";
  iceGatheringState = "new";
  connectionState = "new";
  localDescription = null;
  remoteDescription = null;
  #senders = [];

  addTrack = (track) => void this.#senders.push({ track, replaceTrack: async () => {}, getParameters: () => ({}) });
  getSenders = () => this.#senders;
  getReceivers = () => [];
  getTransceivers = () => [{ setCodecPreferences() {} }];
  createOffer = async () => description("offer");
  createAnswer = async () => description("answer");
  setLocalDescription = async (given) => this.#take("local", given);
  setRemoteDescription = async (given) => this.#take("remote", given);
  getStats = async () => new Map();
  close = () => this.#become("closed");

  #take(side, given) {
    this[`${side}Description`] = given;
    this.#become(given.type === "offer" ? `have-${side}-offer` : "stable");
  }
  #become(state) {
    this.signalingState = state;
    this.onsignalingstatechange?.();
  }
}

const RTCRtpReceiver = { getCapabilities: () => ({ codecs: [{ mimeType: "audio/opus" }, { mimeType: "audio/PCMU" }] }) };

// --- the window

/** The package `ws`, resolved from the application or from the directory of this file. */
function foundWebSocket() {
  try {
    return require(require.resolve("ws", { paths: [process.cwd(), __dirname, ...(require.main?.paths ?? [])] }));
  } catch {
    return class WebSocket {
      constructor() {
        throw new Error("voice-shim.cjs: Node before 22 has no WebSocket; install the package ws");
      }
    };
  }
}

function install(window) {
  const media = { MediaStream, MediaStreamTrack, Audio, RTCSessionDescription, RTCPeerConnection, RTCRtpReceiver };
  for (const [name, value] of Object.entries({ window, ...media })) {
    if (window[name] !== value) Object.defineProperty(window, name, { value, configurable: true, writable: true });
  }
  window.WebSocket = ledSocket(window.WebSocket ?? foundWebSocket());
  // Jest's jsdom has no fetch and hides Node's; then insights are dropped.
  window.fetch = ledFetch(window.fetch ?? globalThis.fetch ?? (async () => ({ text: async () => "" })));
  window.Headers ??= globalThis.Headers ?? class { append() {} };
  window.crypto ??= webcrypto;
  window.navigator ??= { userAgent: "Node" };
  const devices = { getUserMedia: microphone, enumerateDevices: async () => [] };
  window.navigator.mediaDevices ??= Object.assign(new EventTarget(), devices);
}

// SDKs before 2.6 load WebSocket and XMLHttpRequest from packages in Node.
const packages = { ws: ledSocket, xmlhttprequest: ({ XMLHttpRequest }) => ({ XMLHttpRequest: ledRequest(XMLHttpRequest) }) };
const load = Module._load;
const known = new Map();
Module._load = function (name, ...rest) {
  const loaded = load.call(this, name, ...rest);
  if (!Object.hasOwn(packages, name)) return loaded;
  if (!known.has(loaded)) known.set(loaded, packages[name](loaded));
  return known.get(loaded);
};

install(globalThis);
module.exports = { install };
