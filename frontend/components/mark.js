// Marks a quoted text in a part of the page and brings it into view. The page is Streamlit's: nothing of it is changed,
// the mark is a highlight of the browser's own.
const NAME = "chatbot-passage";

function letters(text) {
  return text.normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");
}

function plain(markdown) {
  return markdown
    .replace(/!?\[([^\]\n]*)\]\([^)\n]*\)/g, "$1")
    .replace(/^[ \t>]*(?:`{3,}|~{3,}).*$/gm, "")
    .replace(/<(?![^>\s]{1,200}(?:@|:\/\/)[^>\s]{1,200}>)[^>\n]{1,200}>/g, "");
}

function rangeOf(root, quote) {
  const wanted = letters(plain(quote));
  if (!wanted) return null;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const places = [];
  let joined = "";
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    let offset = 0;
    for (const sign of node.data) {
      const kept = letters(sign);
      for (let index = 0; index < kept.length; index += 1) places.push([node, offset, offset + sign.length]);
      joined += kept;
      offset += sign.length;
    }
  }
  const at = joined.indexOf(wanted);
  if (at < 0) return null;
  const range = document.createRange();
  range.setStart(places[at][0], places[at][1]);
  range.setEnd(places[at + wanted.length - 1][0], places[at + wanted.length - 1][2]);
  return range;
}

function show(data, patience = 40) {
  const passage = document.querySelector(`.st-key-${CSS.escape(data.container)}`);
  if (!passage || !passage.textContent.trim()) {
    if (patience > 0) setTimeout(() => show(data, patience - 1), 50);
    return;
  }
  const range = rangeOf(passage, data.quote);
  if (typeof Highlight === "function") {
    CSS.highlights.delete(NAME);
    if (range) CSS.highlights.set(NAME, new Highlight(range));
  }
  passage.dataset.marked = range ? range.toString() : "";
  const top = (range ?? passage).getBoundingClientRect().top;
  let box = passage.parentElement;
  while (box && (box.scrollHeight <= box.clientHeight || getComputedStyle(box).overflowY === "visible")) box = box.parentElement;
  if (box) box.scrollTop += top - box.getBoundingClientRect().top - box.clientHeight / 3;
}

export default function (component) {
  const { data, parentElement } = component;
  const key = `${data.container} ${data.quote}`;
  if (parentElement.dataset?.shown === key) return;
  if (parentElement.dataset) parentElement.dataset.shown = key;
  if (typeof Highlight === "function") CSS.highlights.delete(NAME);
  if (data.quote) requestAnimationFrame(() => show(data));
}
