// Light or dark: as the system says, until the reader chooses; light on paper.

/** @typedef {"light" | "dark"} Theme */

const DARK = window.matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;

/** What is shown. @returns {Theme} */
const themeNow = () => {
  const { theme } = root.dataset;
  if (theme === "light" || theme === "dark") return theme;
  return DARK.matches ? "dark" : "light";
};

/**
 * Let a button change between light and dark.
 * @param {HTMLElement} button
 * @param {() => void} changed paints anew what is painted
 */
export function themeButton(button, changed) {
  const name = () => {
    const other = themeNow() === "dark" ? "Light" : "Dark";
    button.textContent = other === "Dark" ? "☾ Dark" : "☀ Light";
    button.setAttribute("aria-label", `${other} colours`);
  };
  const change = () => {
    name();
    changed();
  };
  button.addEventListener("click", () => {
    root.dataset.theme = themeNow() === "dark" ? "light" : "dark";
    change();
  });
  DARK.addEventListener("change", change);
  name();
}

/**
 * Be light while the page is printed.
 * @param {() => void} changed
 */
export function lightOnPaper(changed) {
  /** @type {string | undefined} */
  let before;
  let printing = false;
  window.addEventListener("beforeprint", () => {
    if (printing) return;
    printing = true;
    before = root.dataset.theme;
    root.dataset.theme = "light";
    changed();
  });
  window.addEventListener("afterprint", () => {
    printing = false;
    if (before) root.dataset.theme = before;
    else delete root.dataset.theme;
    changed();
  });
}
