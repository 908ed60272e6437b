// Where the keys go, and what gets out of the way. With another `stamp` the chat box is focused (where there are keys to
// type on), and on a narrow screen the side bar is folded away, since the choice made in it is behind it now.
const BOX = '[data-testid="stChatInputTextArea"]';
const FOLD = '[data-testid="stSidebarCollapseButton"] button';
const NARROW = "(max-width: 767px)";
const WAIT_MS = 100;
const TRIES = 40;
let last = null;

// Somebody who types or chooses elsewhere is not to be torn away; `left` is what had the keys on the page before.
const isTyping = (left) => /^(input|textarea|select)$/i.test(document.activeElement?.tagName || "")
  && document.activeElement !== left && !document.activeElement.matches(BOX);

function focus(tries, left) {
  const box = document.querySelector(BOX);
  if (box && !box.disabled && !isTyping(left)) box.focus({ preventScroll: true });
  else if (tries > 0) setTimeout(() => focus(tries - 1, left), WAIT_MS);
}

function fold() {
  const bar = document.querySelector('[data-testid="stSidebar"]');
  if (bar?.dataset.collapsed === "false") document.querySelector(FOLD)?.click();
}

export default function (component) {
  const { stamp, place } = component.data;
  const before = last;
  last = { stamp, place };
  if (before && before.stamp === stamp && before.place === place) return;
  const moved = before !== null && before.place !== place;
  if (moved && window.matchMedia(NARROW).matches) fold();
  if (stamp && window.matchMedia("(pointer: fine)").matches) focus(TRIES, moved ? document.activeElement : null);
}
