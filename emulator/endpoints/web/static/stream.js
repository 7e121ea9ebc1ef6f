// One event stream for all tabs, because browsers allow six connections per host. The tab that holds a lock reads the stream
// and forwards events to the others; when it closes, another tab takes over and resumes.

import { call, isRendered, request } from "./api.js";

const NAME = "twilio-udm-emulator";
const SILENCE = 25_000; // the emulator sends a comment every 10 s
const DELAYS = [250, 500, 1000, 2000, 4000];

export class Stream {
  #onEvents;
  #position;
  #channel = new BroadcastChannel(NAME);
  #status = "connecting";
  #wake = () => {};

  /** onEvents(events, status) receives batches of `{kind, data}` and the connection state; position() is the seq to resume after. */
  constructor(onEvents, position) {
    this.#onEvents = onEvents;
    this.#position = position;
  }

  start() {
    let leads = false;
    this.#channel.onmessage = ({ data }) => {
      if (data === "which state?") {
        if (leads) this.#channel.postMessage({ events: [], status: this.#status });
      } else this.#onEvents(data.events, data.status);
    };
    this.#channel.postMessage("which state?");
    addEventListener("online", () => this.#wake());
    document.addEventListener("visibilitychange", () => document.hidden || this.#wake());
    const lead = () => ((leads = true), this.#lead());
    // Locks require a secure context: on http://emulator:2010 each tab reads its own stream.
    if (navigator.locks) navigator.locks.request(NAME, lead);
    else {
      this.#channel.close();
      this.#channel = { postMessage() {} };
      lead();
    }
  }

  #publish(events, status) {
    this.#status = status;
    this.#onEvents(events, status);
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
      this.#publish([], "lost");
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
    const restartTimer = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE);
    };
    restartTimer();
    try {
      // A restarted emulator counts from 1: its journal may end before the known position.
      const { last_seq: end } = await call("/_emulator/requests?order=newest&limit=1", { signal: silence.signal });
      const response = await request("/_emulator/events", {
        headers: { "last-event-id": Math.min(this.#position(), end) },
        signal: silence.signal,
      });
      this.#publish([], status);
      connected();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        restartTimer();
        const blocks = (text + value).split("\n\n");
        text = blocks.pop();
        const events = blocks.map(read).filter(Boolean);
        if (events.length) this.#publish(events, "live");
      }
    } finally {
      clearTimeout(timer);
      silence.abort();
    }
  }
}

/** Parse a block. `message` events are ignored: the `request` event before has the same content. */
function read(block) {
  const fields = Object.fromEntries(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
  const { event: kind } = fields;
  if (kind !== "request" && kind !== "reset" && kind !== "delivery") return null;
  const data = JSON.parse(fields.data);
  if (!isRendered(data)) return null;
  return { kind, data: kind === "delivery" ? { call_sid: data.call_sid } : data };
}
