// One event stream for all tabs: browsers allow six connections to a host, and each stream holds one for ever. The tab
// that holds a lock reads it and tells the others; when it closes, the next one takes over from the place it knows.

import { call, isRendered, request } from "./api.js";

const NAME = "twilio-udm-emulator";
const SILENCE = 25_000; // the emulator says something every 10 s
const DELAYS = [250, 500, 1000, 2000, 4000];

export class Stream {
  #hear;
  #place;
  #channel = new BroadcastChannel(NAME);
  #status = "connecting";
  #wake = () => {};

  /** hear(events, status) is told batches of `{kind, data}` and the state of the connection; place() is where to resume. */
  constructor(hear, place) {
    this.#hear = hear;
    this.#place = place;
  }

  start() {
    let leads = false;
    this.#channel.onmessage = ({ data }) => {
      if (data === "which state?") {
        if (leads) this.#channel.postMessage({ events: [], status: this.#status });
      } else this.#hear(data.events, data.status);
    };
    this.#channel.postMessage("which state?");
    addEventListener("online", () => this.#wake());
    document.addEventListener("visibilitychange", () => document.hidden || this.#wake());
    const lead = () => ((leads = true), this.#lead());
    // Locks are for secure contexts: on http://emulator:2010 each tab reads for itself.
    if (navigator.locks) navigator.locks.request(NAME, lead);
    else {
      this.#channel.close();
      this.#channel = { postMessage() {} };
      lead();
    }
  }

  #tell(events, status) {
    this.#status = status;
    this.#hear(events, status);
    this.#channel.postMessage({ events, status });
  }

  async #lead() {
    let failures = 0;
    for (;;) {
      try {
        await this.#read(failures > 0 ? "recovered" : "live", () => (failures = 0));
      } catch (error) {
        if (error.status === 401) await new Promise((resolve) => (this.#wake = resolve));
      }
      this.#tell([], "lost");
      const delay = DELAYS[Math.min(failures++, DELAYS.length - 1)];
      await new Promise((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, delay);
      });
    }
  }

  async #read(status, connected) {
    const silence = new AbortController();
    let timer;
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE);
    };
    heard();
    try {
      // An emulator that was started again counts from 1: its journal may end before the place that we know.
      const { last_seq: end } = await call("/_emulator/requests?order=newest&limit=1", { signal: silence.signal });
      const response = await request("/_emulator/events", {
        headers: { "last-event-id": Math.min(this.#place(), end) },
        signal: silence.signal,
      });
      this.#tell([], status);
      connected();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        heard();
        const blocks = (text + value).split("\n\n");
        text = blocks.pop();
        const events = blocks.map(read).filter(Boolean);
        if (events.length) this.#tell(events, "live");
      }
    } finally {
      clearTimeout(timer);
      silence.abort();
    }
  }
}

/** An event of one block. A message is left out: its request was told before it, with the same content. */
function read(block) {
  const fields = Object.fromEntries(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
  const { event: kind } = fields;
  if (kind !== "request" && kind !== "reset" && kind !== "delivery") return null;
  const data = JSON.parse(fields.data);
  if (!isRendered(data)) return null;
  return { kind, data: kind === "delivery" ? { call_sid: data.call_sid } : data };
}
