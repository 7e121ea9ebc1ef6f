// Single-key shortcuts. Disabled while the user types, and by an option, for assistive tools that type letters (WCAG 2.1.4).

import { $ } from "./dom.js";

const NAME = "single-keys";
const on = () => localStorage.getItem(NAME) !== "off";

/** actions: functions by key. Esc is always active. */
export function listen(actions) {
  const box = $("single-keys");
  box.checked = on();
  box.addEventListener("change", () => localStorage.setItem(NAME, box.checked ? "on" : "off"));
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const { key, target } = event;
    if (key === "Escape") return actions.Escape(target);
    if (!on() || target.closest("input, textarea, select") || !Object.hasOwn(actions, key)) return;
    if (key === "Enter" && target.closest("button, a, summary, [role=listbox]")) return;
    event.preventDefault();
    actions[key](target);
  });
}
