// Suggestions for what is typed after a slash in the chat box. The box is Streamlit's: it is read, and written when a
// suggestion is taken. The texts come from the server; all of them are set as text.
const instances = new WeakMap();
const BOX = '[data-testid="stChatInputTextArea"]';
const PAUSE_MS = 120;

function typedIn(box) {
  return box && box.value.startsWith("/") && !box.value.startsWith("//") && !box.value.includes("\n") ? box.value : "";
}

function write(box, text) {
  // React keeps its own copy of the value and only hears of changes made by the setter below it.
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(box, text);
  box.dispatchEvent(new Event("input", { bubbles: true }));
  box.focus();
  box.setSelectionRange(text.length, text.length);
}

function part(row, kind, text) {
  if (!text) return;
  const element = document.createElement("span");
  element.className = kind;
  element.textContent = text;
  row.appendChild(element);
}

function draw(instance) {
  const { list, items, labels } = instance;
  list.replaceChildren();
  list.hidden = items.length === 0;
  instance.chosen = Math.min(instance.chosen, items.length - 1);
  list.setAttribute("aria-label", labels.title);
  items.forEach((item, index) => {
    const row = document.createElement("div");
    row.className = item.reason ? "row off" : "row";
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(index === instance.chosen));
    part(row, "text", item.text);
    part(row, "title", item.reason || item.title);
    if (item.risk !== "read") part(row, `risk ${item.risk}`, labels[item.risk] || item.risk);
    part(row, "usage", item.usage === item.text.trim() ? "" : item.usage);
    row.onmousedown = (event) => {
      event.preventDefault();
      take(instance, index);
    };
    list.appendChild(row);
  });
  list.children[instance.chosen]?.scrollIntoView({ block: "nearest" });
}

function take(instance, index) {
  const item = instance.items[index];
  const box = document.querySelector(BOX);
  if (!item || item.reason || !box) return;
  instance.chosen = -1;
  write(box, item.text);
}

function close(instance) {
  instance.items = [];
  instance.chosen = -1;
  draw(instance);
}

function mount(parentElement) {
  const list = document.createElement("div");
  list.className = "list";
  list.setAttribute("role", "listbox");
  list.hidden = true;
  parentElement.appendChild(list);
  const instance = { list, items: [], labels: {}, chosen: -1, timer: 0, asked: "", component: null };
  const ask = (event) => {
    if (!(event.target instanceof Element) || !event.target.matches(BOX)) return;
    const typed = typedIn(event.target);
    clearTimeout(instance.timer);
    if (!typed) {
      instance.asked = "";
      return close(instance);
    }
    instance.timer = setTimeout(() => {
      if (typed === instance.asked) return;
      instance.asked = typed;
      instance.component.setStateValue("prefix", typed);
    }, PAUSE_MS);
  };
  const press = (event) => {
    if (!(event.target instanceof Element) || !event.target.matches(BOX) || instance.items.length === 0) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      instance.chosen = (instance.chosen + step + instance.items.length) % instance.items.length;
      draw(instance);
    } else if (event.key === "Tab" && !event.shiftKey) {
      take(instance, Math.max(instance.chosen, 0));
    } else if (event.key === "Enter" && instance.chosen >= 0 && !event.isComposing) {
      take(instance, instance.chosen);
    } else if (event.key === "Escape") {
      close(instance);
    } else {
      if (event.key === "Enter") close(instance);
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const leave = (event) => event.target instanceof Element && event.target.matches(BOX) && close(instance);
  document.addEventListener("input", ask, true);
  document.addEventListener("keydown", press, true);
  document.addEventListener("focusout", leave, true);
  instance.unmount = () => {
    clearTimeout(instance.timer);
    document.removeEventListener("input", ask, true);
    document.removeEventListener("keydown", press, true);
    document.removeEventListener("focusout", leave, true);
    list.remove();
  };
  return instance;
}

export default function (component) {
  const { parentElement, data } = component;
  let instance = instances.get(parentElement);
  if (!instance) {
    instance = mount(parentElement);
    instances.set(parentElement, instance);
  }
  instance.component = component;
  instance.labels = data.labels;
  // An answer to what is no longer there is late; nothing is shown for it.
  const current = data.prefix && typedIn(document.querySelector(BOX)) === data.prefix;
  instance.items = current ? data.items : [];
  draw(instance);
  return () => {
    instance.unmount();
    instances.delete(parentElement);
  };
}
