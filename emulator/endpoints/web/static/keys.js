// One key, one deed. Off while somebody types, and as a whole for those whose tools type letters (WCAG 2.1.4).

import { $ } from "./dom.js";

const NAME = "single-keys";
const on = () => localStorage.getItem(NAME) !== "off";

/** deeds: what to do by key. Esc works always. */
export function listen(deeds) {
  const box = $("single-keys");
  box.checked = on();
  box.addEventListener("change", () => localStorage.setItem(NAME, box.checked ? "on" : "off"));
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const { key, target } = event;
    if (key === "Escape") return deeds.Escape(target);
    if (!on() || target.closest("input, textarea, select") || !Object.hasOwn(deeds, key)) return;
    if (key === "Enter" && target.closest("button, a, summary, [role=listbox]")) return;
    event.preventDefault();
    deeds[key](target);
  });
}
