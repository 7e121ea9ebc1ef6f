// Telling a person who may not be looking: the title while the tab is hidden, a live region, a line that goes away.

import { $, h, throttled } from "./dom.js";

const SPOKEN_EVERY = 1500;
const SHOWN_FOR = 4000;
const title = document.title;
let unseen = 0;
let heard = { all: 0, refused: 0, faulted: 0 };

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unseen = 0;
  document.title = title;
});

const speak = throttled(SPOKEN_EVERY, () => {
  const { all, refused, faulted } = heard;
  heard = { all: 0, refused: 0, faulted: 0 };
  $("spoken").textContent = `${all} new request${all > 1 ? "s" : ""}${refused ? `, ${refused} refused` : ""}${faulted ? `, ${faulted} broken on purpose` : ""}`;
});

/** Exchanges arrived. */
export function arrived(exchanges) {
  heard.all += exchanges.length;
  heard.refused += exchanges.filter((exchange) => exchange.outcome === "refused").length;
  heard.faulted += exchanges.filter(({ fault }) => fault).length;
  speak();
  if (!document.hidden) return;
  unseen += exchanges.length;
  document.title = `(${unseen}) ${title}`;
}

/** Say something for a few seconds. */
export function toast(text) {
  const line = h("p", { class: "toast" }, text);
  $("toasts").append(line);
  setTimeout(() => line.remove(), SHOWN_FOR);
}

/** Say what will be done, and do it after so many seconds unless it is undone. */
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
  line.append(count, h("button", { type: "button", click: () => (end(), toast("Undone, nothing was reset.")) }, "Undo"));
  $("toasts").append(line);
}
