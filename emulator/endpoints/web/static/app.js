// Connects the modules. The URL contains search and selection, so that it can be shared.

import { askToken, calls, install as installActions, open, sendAgain } from "./actions.js";
import { onTokenNeeded } from "./api.js";
import { install as installChips } from "./chips.js";
import { Detail } from "./detail.js";
import { download } from "./copy.js";
import { $ } from "./dom.js";
import { handleEvents as handleFaultEvents, install as installFaults, soon as refreshFaults } from "./faults.js";
import { Journal } from "./journal.js";
import { listen } from "./keys.js";
import { List } from "./list.js";
import { arrived, toast } from "./notice.js";
import { Stream } from "./stream.js";
import { handleEvents as handleUserEvents, install as installUsers, show as showUsers } from "./users.js";
import { fill as fillWelcome } from "./welcome.js";

const SEARCH_DELAY = 150;
const journal = new Journal();
const field = $("search");
const place = { q: "", request: null };
let selected = null; // the selected exchange, if the list contains it

const jump = (id) => choose(id, true).then(() => list.select(id, true));
const list = new List($("list"), journal, (exchange, how) => {
  choose(exchange.request_id, how === "open");
  list.select(exchange.request_id, true);
});
const detail = new Detail({
  find: (name, value) => find(`${name}:${/\s/.test(value) ? `"${value}"` : value}`),
  open: jump,
  again: sendAgain,
  call: (exchange) => (calls(exchange), open("calls")),
  talk: showUsers,
  close,
});

/** Show an exchange; opened = also on a small screen, instead of the list. */
async function choose(id, opened) {
  const wasOpen = document.body.classList.contains("opened");
  place.request = id;
  selected = journal.items.findLast((one) => one.request_id === id) ?? null;
  document.body.classList.toggle("opened", Boolean(id && (opened || wasOpen)));
  write(opened && !wasOpen);
  await detail.show(id);
  if (opened) detail.focus();
}

function close() {
  const wasOpen = document.body.classList.contains("opened");
  document.body.classList.remove("opened");
  if (!wasOpen) {
    choose(null, false);
    list.select(null);
  }
  $("list").focus();
}

function write(step = false) {
  const parameters = new URLSearchParams(Object.entries(place).filter(([, value]) => value));
  const url = parameters.size ? `?${parameters}` : location.pathname;
  if (url !== location.search) history[step ? "pushState" : "replaceState"](null, "", url);
}

async function read() {
  const parameters = new URLSearchParams(location.search);
  place.request = parameters.get("request");
  place.q = field.value = parameters.get("q") ?? "";
  document.body.classList.toggle("opened", Boolean(place.request));
  await load(() => journal.find(place.q));
  await choose(place.request, false);
  list.select(place.request, true);
}

async function load(how) {
  try {
    await how();
    $("problem").hidden = true;
  } catch (error) {
    $("problem").textContent = error.message;
    $("problem").hidden = false;
  }
}

function find(text) {
  field.value = text;
  place.q = text.trim();
  write();
  list.toTop();
  return load(() => journal.find(place.q));
}

function pause() {
  journal.pause(!journal.paused);
  toast(journal.paused ? "Paused. New requests are not shown." : "Resumed.");
}

function describe() {
  const { items, total, more, paused, waiting } = journal;
  const some = items.length > 0;
  $("welcome").hidden = some || place.q !== "";
  $("no-match").hidden = some || place.q === "";
  $("list").hidden = !some;
  document.body.classList.toggle("empty", !$("welcome").hidden);
  const count = total ?? `${items.length}${more ? "+" : ""}`;
  $("count").textContent = `${count.toLocaleString("en")} request${count === 1 ? "" : "s"}`;
  $("pause").setAttribute("aria-pressed", paused);
  $("pause").textContent = paused ? `Resume${waiting ? ` · ${waiting} waiting` : ""}` : "Pause";
  $("download").disabled = !some;
}

let unread = 0;
function pill() {
  if (list.atTop) unread = 0;
  $("to-top").hidden = !unread;
  $("to-top").textContent = `↑ ${unread} new`;
}

let state = "";
function handleEvents(events, status) {
  let batch = [];
  for (const { kind, data } of events) {
    if (kind === "request") batch.push(data);
    else if (kind === "reset") {
      journal.add(batch);
      batch = [];
      journal.reset(data);
    }
  }
  journal.add(batch);
  handleFaultEvents(events);
  handleUserEvents(events);
  detail.handleEvents(events);
  if (status === state) return;
  // A reset is not repeated to a new stream, and a restarted emulator has an empty journal: load again.
  if (status === "recovered" || (status === "live" && state === "lost")) load(() => journal.load()), refreshFaults(0);
  state = status === "recovered" ? "live" : status;
  $("state").className = state;
  $("state").textContent = state === "live" ? "Live" : state === "lost" ? "Connection lost, reconnecting" : "Connecting";
}

onTokenNeeded(askToken);
fillWelcome();
const focus = () => selected ?? detail.shown ?? { call_sid: term("call"), account_sid: term("account") };
const term = (name) => journal.query.terms.find((one) => one.field === name && !one.not)?.value;
installActions(focus);
installFaults(focus);
installUsers(jump);
installChips(journal, () => place.q, find);
let timer;
field.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => find(field.value), SEARCH_DELAY);
});
field.addEventListener("keydown", ({ key }) => {
  if (key !== "Enter" && key !== "ArrowDown") return;
  clearTimeout(timer);
  if (field.value.trim() !== place.q) find(field.value);
  $("list").focus();
});
$("no-match-clear").addEventListener("click", () => (find(""), field.focus()));
$("pause").addEventListener("click", pause);
$("to-top").addEventListener("click", () => list.toTop());
$("download").addEventListener("click", () => download("requests.json", journal.items.toReversed()));
$("open-help").addEventListener("click", () => open("help"));
$("first-send").addEventListener("click", () => $("open-send").click());
// With the redraw of the list, so once per frame.
$("list").addEventListener("painted", () => (pill(), describe()));
journal.addEventListener("change", ({ detail: { how, count } }) => how === "added" && (unread += count));
journal.addEventListener("arrived", (event) => arrived(event.detail));
addEventListener("popstate", read);
listen({
  j: () => list.move(1),
  k: () => list.move(-1),
  Enter: () => list.open(),
  "/": () => (field.focus(), field.select()),
  p: pause,
  s: () => $("open-send").click(),
  f: () => $("open-faults").click(),
  u: () => $("open-users").click(),
  "?": () => open("help"),
  Escape: (target) => {
    if (target === field && field.value) find("");
    else close();
  },
});

await read();
new Stream(handleEvents, () => journal.newest).start();
