// Buttons that filter by the most frequent accounts and calls of the list.

import { $, h, hue, short, throttled } from "./dom.js";
import { toggled } from "./search.js";

const MOST = { account: 4, call: 8 };

/** search() returns the search text; find(text) is called with the text after a button was toggled. */
export function install(journal, search, find) {
  const draw = throttled(300, () => {
    const box = $("chips");
    const focused = document.activeElement?.dataset?.term;
    box.replaceChildren(...Object.keys(MOST).flatMap((field) => chips(field, journal.items)));
    if (focused) [...box.children].find((one) => one.dataset.term === focused)?.focus();
  });
  const chips = (field, items) => {
    const counts = new Map();
    for (const item of items) {
      const sid = item[`${field}_sid`];
      if (sid) counts.set(sid, (counts.get(sid) ?? 0) + 1);
    }
    for (const term of journal.query.terms) if (term.field === field && !term.not && !counts.has(term.value)) counts.set(term.value, 0);
    const active = (sid) => journal.query.terms.some((term) => term.field === field && !term.not && term.value === sid);
    return [...counts].sort((one, other) => active(other[0]) - active(one[0]) || other[1] - one[1]).slice(0, MOST[field]).map(([sid, count]) => {
      const chip = h("button", { type: "button", class: `chip ${field}`, "data-term": `${field}:${sid}`, title: sid, "aria-pressed": String(active(sid)), click: () => find(toggled(search(), field, sid)) }, short(sid), h("span", {}, count));
      if (field === "call") chip.style.setProperty("--hue", hue(sid));
      return chip;
    });
  };
  journal.addEventListener("change", draw);
}
