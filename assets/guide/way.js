// How the app is sent to another of its addresses without being loaded again: as by the back
// button. The session stays, and with it the visitor's own clip.

const HERE = document.documentElement; // what the components of a page know of each other
const OF_LESSON = ["lesson", "step", "own"];

/** Whether the presenter view is on. */
export const isPresenting = () => HERE.hasAttribute("data-present");

/** Whether the page was sent here by `go`, and not by a link. */
export const wasSent = () => HERE.dataset.sent === "true";

/**
 * Go to an address below that of the app.
 * @param {string} address
 * @param {"pushState" | "replaceState"} [how]
 */
export function go(address, how = "pushState") {
  const before = new URL(window.location.href);
  const url = new URL(address, new URL(".", before));
  const begins = !before.searchParams.has("lesson") && url.searchParams.has("lesson");
  if (begins) HERE.dataset.before = before.href;
  // the strip of a lesson may be here before the presenter, which reads the address
  if (isPresenting() || before.searchParams.get("present") === "1")
    url.searchParams.set("present", "1");
  HERE.dataset.sent = "true";
  window.history[how](null, "", url);
  window.dispatchEvent(new PopStateEvent("popstate"));
}

/**
 * Go back to where the lesson was begun.
 * @param {string} here an address below that of the app, for a lesson that a link opened
 */
export function leave(here) {
  const url = new URL(HERE.dataset.before ?? here, new URL(".", window.location.href));
  for (const name of [...OF_LESSON, "present"]) url.searchParams.delete(name);
  delete HERE.dataset.before;
  go(url.href);
}

/**
 * Whether a key is typed into something that needs it itself.
 * @param {EventTarget | null} target
 */
export function isTyping(target) {
  const busy = "input:not([type=range]), textarea, select, [contenteditable], [role=combobox]";
  return target instanceof Element && target.closest(busy) !== null;
}

/**
 * Whether a key is pressed where no part of the page has the focus.
 * @param {EventTarget | null} target
 */
export function isNowhere(target) {
  const page = "body, [data-testid=stApp], [data-testid=stMain]";
  return target instanceof Element && target.matches(page);
}
