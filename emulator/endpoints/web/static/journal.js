// The exchanges that match the search, oldest first, limited in number and size. Beyond a limit the oldest are dropped;
// scrolling to the end requests older ones.

import { call, query } from "./api.js";
import { parse } from "./search.js";

const MOST = 10_000;
const MOST_CHARACTERS = 16 * 1024 * 1024;
const SLACK = 500; // so that the array is not cut for every exchange
const FIRST_PAGE = 200;
const PAGE = 1000; // the API's maximum
const PAGES_PER_SEARCH = 10;

export class Journal extends EventTarget {
  items = [];
  /** seq of the newest exchange, shown or not: the stream resumes after it. */
  newest = 0;
  /** Number of matches, listed or not; null if only a part of the journal was searched. */
  total = 0;
  /** Whether the emulator has older exchanges. */
  more = false;
  paused = false;
  /** Number of exchanges that arrived while paused. */
  waiting = 0;
  query = parse("");
  #held = [];
  #during = null; // exchanges that arrive while a page is loaded
  #characters = 0;
  #load = new AbortController();

  /** Show the exchanges that match a search. */
  async find(text) {
    this.query = parse(text);
    await this.load();
  }

  /** Load the newest page; add exchanges that arrive meanwhile after it. */
  async load() {
    this.#load.abort();
    const { signal } = (this.#load = new AbortController());
    this.#during = [];
    const { parameters, exact } = this.query;
    const limit = exact ? FIRST_PAGE : PAGE;
    const path = query("/_emulator/requests", { ...parameters, order: "newest", limit });
    let page;
    try {
      page = await call(path, { signal });
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    const came = this.#during;
    this.#during = null;
    this.#held = [];
    this.waiting = 0;
    this.items = page.requests.reverse().filter(this.query.matches);
    this.#characters = this.items.reduce((sum, item) => sum + size(item), 0);
    this.newest = page.last_seq;
    this.more = page.count > page.requests.length;
    this.total = exact ? page.count : this.more ? null : this.items.length;
    this.#oldest = page.requests[0]?.seq ?? 0;
    this.#notify("loaded");
    this.add(came);
    if (!exact && this.items.length < 100) await this.older();
  }

  #oldest = 0;
  #older = false;

  /** Load older exchanges. */
  async older() {
    if (this.#older || !this.more || this.items.length >= MOST) return;
    this.#older = true;
    const { signal } = this.#load;
    try {
      const found = [];
      // The API filters by `after`, not by `before`: request windows before the oldest, wider ones while they are empty.
      for (let asked = 0, width = PAGE; asked < PAGES_PER_SEARCH && this.more && found.length < FIRST_PAGE; asked++) {
        const after = Math.max(0, this.#oldest - 1 - width);
        const before = [];
        for (let page, from = after; !page || (page.requests.length < page.count && from < this.#oldest - 1 && before.length < PAGE);) {
          page = await call(query("/_emulator/requests", { ...this.query.parameters, after: from, limit: PAGE }), { signal });
          before.push(...page.requests.filter((item) => item.seq < this.#oldest));
          from = page.requests.at(-1)?.seq ?? this.#oldest; // a page of large requests ends early
        }
        if (before.length >= PAGE && width > PAGE) {
          width = PAGE; // too wide: there may be others between these and the oldest shown
          continue;
        }
        this.#oldest = after + 1;
        this.more = after > 0;
        width = before.length ? PAGE : width * 4;
        found.unshift(...before.filter(this.query.matches));
      }
      this.items = [...found, ...this.items];
      this.#characters += found.reduce((sum, item) => sum + size(item), 0);
      if (!this.more && !this.query.exact) this.total = this.items.length;
      this.#notify("older");
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#older = false;
    }
  }

  /** Add exchanges, oldest first, except known ones. */
  add(arrived) {
    if (this.#during) {
      this.#during.push(...arrived);
      return;
    }
    const fresh = arrived.filter((item) => item.seq > this.newest);
    if (!fresh.length) return;
    this.newest = fresh.at(-1).seq;
    const matching = fresh.filter(this.query.matches);
    if (!matching.length) return;
    if (this.paused) {
      this.#held.push(...matching);
      this.waiting += matching.length;
      if (this.#held.length > MOST) this.#held.splice(0, this.#held.length - MOST);
      this.#notify("waiting");
    } else this.#append(matching);
    this.dispatchEvent(new CustomEvent("arrived", { detail: matching }));
  }

  #append(matching) {
    this.items.push(...matching);
    for (const item of matching) this.#characters += size(item);
    if (this.total !== null) this.total += matching.length;
    this.#cut();
    this.#notify("added", matching.length);
  }

  #cut() {
    if (this.items.length <= MOST + SLACK && this.#characters <= MOST_CHARACTERS) return;
    let count = Math.max(0, this.items.length - MOST);
    for (let at = 0; at < count; at++) this.#characters -= size(this.items[at]);
    while (this.#characters > MOST_CHARACTERS * 0.9) this.#characters -= size(this.items[count++]);
    this.items.splice(0, count);
    this.#oldest = this.items[0]?.seq ?? this.newest;
    this.more = true;
  }

  /** Remove the exchanges of a scope that was reset. */
  reset({ account_sid, call_sid }) {
    const stays = (item) =>
      (account_sid !== null && item.account_sid !== account_sid) || (call_sid !== null && item.call_sid !== call_sid);
    this.#during = this.#during?.filter(stays) ?? null;
    this.#held = this.#held.filter(stays);
    this.waiting = this.#held.length;
    const before = this.items.length;
    this.items = this.items.filter(stays);
    this.#characters = this.items.reduce((sum, item) => sum + size(item), 0);
    if (account_sid === null && call_sid === null) this.more = false;
    if (this.total !== null) this.total = this.more ? Math.max(0, this.total - (before - this.items.length)) : this.items.length;
    this.#notify("loaded");
  }

  /** Hold back new exchanges, or show those that were held back. */
  pause(paused) {
    this.paused = paused;
    const held = this.#held;
    if (!paused) {
      this.#held = [];
      this.waiting = 0;
      if (held.length) this.#append(held);
    }
    this.#notify("waiting");
  }

  #notify(how, count = 0) {
    this.dispatchEvent(new CustomEvent("change", { detail: { how, count } }));
  }
}

const size = (item) => 400 + (item.content?.length ?? 0);
