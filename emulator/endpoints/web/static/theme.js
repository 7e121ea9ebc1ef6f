// Theme: light, dark, or that of the system. Loaded in the head, before the first paint, to avoid a flash.

const NAME = "theme";
const NEXT = { system: "light", light: "dark", dark: "system" };
const current = () => localStorage.getItem(NAME) ?? "system";

function apply() {
  const theme = current();
  document.documentElement.dataset.theme = theme;
  const button = document.getElementById("theme");
  if (!button) return;
  button.textContent = { system: "◐", light: "○", dark: "●" }[theme];
  button.title = `Theme: ${theme}`;
  button.setAttribute("aria-label", `Theme: ${theme}. Switch to ${NEXT[theme]}`);
}

apply();
addEventListener("storage", apply);
addEventListener("DOMContentLoaded", () => {
  apply();
  document.getElementById("theme").addEventListener("click", () => {
    localStorage.setItem(NAME, NEXT[current()]);
    apply();
  });
});
