// Redirects an unmodified Twilio Voice SDK to the emulator that served this file. Load it before the SDK:
//   <script src="http://127.0.0.1:2010/_emulator/voice-shim.js"></script>
// Without a script tag (init scripts, bundles), set the global EMULATOR_URL to the URL of the emulator.
// Only the SDK's own URLs are redirected; other sockets and requests are not affected.
"use strict";

(() => {
  const emulator = new URL(document.currentScript?.src || EMULATOR_URL).origin;

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
