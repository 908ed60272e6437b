// Hover cards and clicks for the citation links of the page. The links are Streamlit's; nothing of them is changed.
const instances = new WeakMap();
const LINKS = 'a[href^="#cite-"], a[href="#uncited"]';

function line(card, kind, text) {
  if (!text) return;
  const element = document.createElement("div");
  element.className = kind;
  element.textContent = text;
  card.appendChild(element);
}

// A quote comes as a tree of texts and [tag, children]; only these become elements.
const TAGS = { h: "strong" };
for (const tag of "p ul ol li blockquote table thead tbody tr th td strong em s pre code".split(" ")) TAGS[tag] = tag;

function grow(parent, nodes) {
  for (const node of nodes) {
    if (typeof node === "string") {
      parent.append(node);
    } else if (Array.isArray(node) && Object.hasOwn(TAGS, node[0])) {
      const element = document.createElement(TAGS[node[0]]);
      if (node[0] === "h") element.className = "line";
      parent.appendChild(element);
      grow(element, node[1]);
    }
  }
}

function quote(card, nodes) {
  const element = document.createElement("div");
  element.className = "quote";
  grow(element, nodes);
  card.appendChild(element);
}

function nameOf(link) {
  const target = link.getAttribute("href");
  return target === "#uncited" ? "" : target.slice("#cite-".length).replace(/-weak$/, "");
}

function fill(card, link, { cards, labels }) {
  card.replaceChildren();
  if (link.getAttribute("href") === "#uncited") {
    line(card, "warning", labels.uncited);
    return true;
  }
  const about = cards[nameOf(link)];
  if (!about) return false;
  line(card, "title", `[${about.number}] ${about.title}`);
  line(card, "heading", about.heading);
  quote(card, about.quote);
  if (!about.supported) line(card, "warning", labels.unsupported);
  line(card, "hint", labels.hint);
  return true;
}

function place(card, link) {
  const at = link.getBoundingClientRect();
  const size = card.getBoundingClientRect();
  const left = Math.max(8, Math.min(at.left, window.innerWidth - size.width - 8));
  const above = at.top - size.height - 6;
  card.style.left = `${left}px`;
  card.style.top = `${above > 8 ? above : at.bottom + 6}px`;
}

function mount(parentElement) {
  const card = document.createElement("div");
  card.className = "card";
  card.setAttribute("role", "tooltip");
  card.popover = "manual";
  parentElement.appendChild(card);
  const instance = { card, component: null, shown: [] };
  const linkOf = (event) => (event.target instanceof Element ? event.target.closest(LINKS) : null);
  const hide = () => card.matches(":popover-open") && card.hidePopover();
  const show = (event) => {
    const link = linkOf(event);
    if (!link) return hide();
    if (!fill(card, link, instance.component.data)) return hide();
    if (!card.matches(":popover-open")) card.showPopover();
    place(card, link);
  };
  const open = (event) => {
    const link = linkOf(event);
    if (!link) return;
    event.preventDefault();
    event.stopPropagation();
    hide();
    const name = nameOf(link);
    if (name && instance.component.data.cards[name]) instance.component.setTriggerValue("open", name);
  };
  const listeners = [["mouseover", show], ["focusin", show], ["focusout", hide], ["click", open]];
  for (const [kind, listener] of listeners) document.addEventListener(kind, listener, true);
  window.addEventListener("scroll", hide, true);
  instance.unmount = () => {
    for (const [kind, listener] of listeners) document.removeEventListener(kind, listener, true);
    window.removeEventListener("scroll", hide, true);
    card.remove();
  };
  return instance;
}

// The question last asked, or what waits for a decision, is brought into view once; what is still being drawn above it
// moves it, so that is done again until the reader scrolls. Afterwards the page is where the reader scrolls it.
const AGAIN_MS = [400, 800, 1500, 2500];
const READING = ["wheel", "touchmove", "pointerdown", "keydown"];

function bringIntoView(instance, places, patience = 40) {
  const key = places.at(-1);
  if (!key || instance.shown.includes(key)) {
    if (key) instance.shown = places;
    return;
  }
  const find = () => document.querySelector(`.st-key-${CSS.escape(key)}`);
  if (find()) {
    instance.shown = places;
    const isHere = () => instance.component.data.focus.at(-1) === key;
    const show = (behavior) => isHere() && find()?.scrollIntoView({ block: "start", behavior });
    show("smooth");
    const timers = AGAIN_MS.map((delay) => setTimeout(show, delay, "smooth"));
    const leave = () => timers.forEach(clearTimeout);
    for (const kind of READING) document.addEventListener(kind, leave, { once: true, capture: true, passive: true });
  } else if (patience > 0) {
    setTimeout(() => instance.component.data.focus.at(-1) === key && bringIntoView(instance, places, patience - 1), 50);
  }
}

export default function (component) {
  const { parentElement } = component;
  let instance = instances.get(parentElement);
  if (!instance) {
    instance = mount(parentElement);
    instances.set(parentElement, instance);
  }
  instance.component = component;
  bringIntoView(instance, component.data.focus);
  return () => {
    instance.unmount();
    instances.delete(parentElement);
  };
}
