// Explanations of dotted words: they open when the word is pointed at; a click or a tap keeps one
// open until the next click or Escape. On a projector and on a phone nothing can be pointed at.

/**
 * Let a click on a word of `root` open what it explains.
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
export function openTips(root, signal) {
  const close = () => {
    for (const node of root.querySelectorAll("[data-open]")) node.removeAttribute("data-open");
  };
  document.addEventListener(
    "click",
    (event) => {
      const word = /** @type {Element} */ (event.target).closest?.("[data-tip]");
      const opens = word && root.contains(word) && !word.matches("button, [data-open]");
      close();
      if (opens) word.setAttribute("data-open", "");
    },
    { signal },
  );
  document.addEventListener("keydown", (event) => event.key === "Escape" && close(), { signal });
}
