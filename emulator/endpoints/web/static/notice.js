// Notifications: the title while the tab is hidden, a live region for screen readers, and toasts.

import { $, h, throttled } from "./dom.js";

const SPOKEN_EVERY = 1500;
const SHOWN_FOR = 4000;
const title = document.title;
let unseen = 0;
let counts = { all: 0, refused: 0, faulted: 0 };

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unseen = 0;
  document.title = title;
});

const speak = throttled(SPOKEN_EVERY, () => {
  const { all, refused, faulted } = counts;
  counts = { all: 0, refused: 0, faulted: 0 };
  $("spoken").textContent = `${all} new request${all > 1 ? "s" : ""}${refused ? `, ${refused} refused` : ""}${faulted ? `, ${faulted} faulted` : ""}`;
});

/** Announce exchanges that arrived. */
export function arrived(exchanges) {
  counts.all += exchanges.length;
  counts.refused += exchanges.filter((exchange) => exchange.outcome === "refused").length;
  counts.faulted += exchanges.filter(({ fault }) => fault).length;
  speak();
  if (!document.hidden) return;
  unseen += exchanges.length;
  document.title = `(${unseen}) ${title}`;
}

/** Show a text for a few seconds. */
export function toast(text) {
  const line = h("p", { class: "toast" }, text);
  $("toasts").append(line);
  setTimeout(() => line.remove(), SHOWN_FOR);
}

/** Announce an action, and perform it after some seconds unless the user cancels it. */
export function undoable(text, seconds, act) {
  const line = h("p", { class: "toast" });
  let left = seconds;
  const count = h("span", {}, `${text} in ${left} s`);
  const end = () => (clearInterval(timer), line.remove());
  const timer = setInterval(() => {
    left -= 1;
    count.textContent = `${text} in ${left} s`;
    if (left <= 0) end(), act();
  }, 1000);
  line.append(count, h("button", { type: "button", click: () => (end(), toast("Cancelled. Nothing was reset.")) }, "Undo"));
  $("toasts").append(line);
}
