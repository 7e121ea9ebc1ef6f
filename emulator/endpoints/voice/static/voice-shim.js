// Brings Twilio's Voice SDK, unmodified, to the emulator that served this file. Load it before the SDK:
//   <script src="http://127.0.0.1:2010/_emulator/voice-shim.js"></script>
// Where there is no such tag (init scripts, bundles), the global EMULATOR_URL says where the emulator is.
// It changes where the SDK's own addresses lead and nothing else: other sockets and requests stay as they are.
"use strict";

(() => {
  const emulator = new URL(document.currentScript?.src || EMULATOR_URL).origin;

  // What the SDK asks for (regions.ts, constants.ts), and where it finds that here.
  const signalling = /^wss:\/\/(?:voice-js|chunderw-vpc-gll)[\w.-]*\.twilio\.com\/signal$/;
  const insights = /^https:\/\/eventgw\..*\btwilio\.com(\/v\d+\/\w+)$/;
  const sounds = /^https:\/\/sdk\.twilio\.com(\/js\/client\/sounds\/.*)$/;
  const here = (url) =>
    String(url)
      .replace(signalling, () => `${emulator.replace(/^http/, "ws")}/signal`)
      .replace(insights, (_, path) => `${emulator}/eventgw${path}`)
      .replace(sounds, (_, path) => emulator + path);
  const led = (url) => (here(url) === String(url) ? url : here(url));

  window.WebSocket = new Proxy(WebSocket, {
    construct: (socket, [url, ...rest], made) => Reflect.construct(socket, [led(url), ...rest], made),
  });
  window.fetch = new Proxy(fetch, {
    apply: (fetch, self, [input, ...rest]) => Reflect.apply(fetch, self, [led(input), ...rest]),
  });
  XMLHttpRequest.prototype.open = new Proxy(XMLHttpRequest.prototype.open, {
    apply: (open, self, [method, url, ...rest]) => Reflect.apply(open, self, [method, led(url), ...rest]),
  });
})();
