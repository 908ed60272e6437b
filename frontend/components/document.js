// The text of a document, line by line, with one passage marked and scrolled to.
function note(page, text) {
  if (!text) return;
  const element = document.createElement("div");
  element.className = "note";
  element.textContent = text;
  page.appendChild(element);
}

function piece(parent, text, marked) {
  if (!text) return null;
  const element = marked ? document.createElement("mark") : document.createTextNode(text);
  if (marked) element.textContent = text;
  parent.appendChild(element);
  return marked ? element : null;
}

const LEVELS = /\b(error|err|fatal|critical|panic)\b|\b(warn|warning)\b/i;

function draw(page, { text, start, end, markup, first: firstLine, notes }) {
  const markdown = markup === "markdown";
  const numbered = !markdown && markup !== "plain" && markup !== "rst";
  page.classList.toggle("numbered", numbered);
  page.style.setProperty("--digits", String(firstLine + text.split("\n").length).length);
  page.replaceChildren();
  note(page, notes.before);
  let first = null;
  let offset = 0;
  let fence = "";
  // Offsets count characters as Python does, a pair of surrogates as one.
  const characters = Array.from(text);
  const lines = [];
  for (let index = 0, from = 0; index <= characters.length; index += 1) {
    if (index === characters.length || characters[index] === "\n") {
      lines.push([from, index]);
      from = index + 1;
    }
  }
  const cut = (from, to) => (to > from ? characters.slice(from, to).join("") : "");
  lines.forEach(([from, to], index) => {
    const row = document.createElement("div");
    row.className = "line";
    const whole = cut(from, to);
    if (numbered) row.dataset.number = String(firstLine + index);
    const level = markup === "log" ? LEVELS.exec(whole.slice(0, 200)) : null;
    if (level) row.classList.add(level[1] ? "error" : "warning");
    if (markdown) {
      const tick = /^\s*(`{3,}|~{3,})/.exec(whole);
      const closing = tick && fence && tick[1].startsWith(fence);
      if (fence || tick) row.classList.add("code");
      else if (/^#{1,6}\s/.test(whole)) row.classList.add("heading");
      if (closing) fence = "";
      else if (tick && !fence) fence = tick[1];
    }
    piece(row, cut(from, Math.min(to, Math.max(from, start))), false);
    const marked = piece(row, cut(Math.max(from, start), Math.min(to, end)), true);
    piece(row, cut(Math.max(from, Math.min(to, end)), to), false);
    if (marked && !first) first = marked;
    page.appendChild(row);
  });
  note(page, notes.after);
  return first;
}

export default function (component) {
  const { parentElement, data } = component;
  let page = parentElement.querySelector(".page");
  if (!page) {
    page = document.createElement("div");
    page.className = "page";
    page.tabIndex = 0;
    page.setAttribute("role", "document");
    parentElement.appendChild(page);
  }
  page.setAttribute("aria-label", data.notes.label);
  const first = draw(page, data);
  const show = () => {
    if (first) page.scrollTop += first.getBoundingClientRect().top - page.getBoundingClientRect().top - page.clientHeight / 3;
  };
  show();
  requestAnimationFrame(show);
}
