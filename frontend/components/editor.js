// A box for text with the numbers of its lines, those with errors marked; what is typed is told after a short pause.
const PAUSE_MS = 350;
const instances = new WeakMap();

function number(instance) {
  const { area, gutter, marks } = instance;
  const count = area.value.split("\n").length;
  gutter.replaceChildren();
  for (let line = 1; line <= count; line += 1) {
    const row = document.createElement("div");
    row.textContent = String(line);
    const mark = marks[line];
    if (mark) {
      row.className = mark.severity;
      row.title = mark.text;
    }
    gutter.appendChild(row);
  }
  gutter.scrollTop = area.scrollTop;
}

function tell(instance) {
  clearTimeout(instance.timer);
  if (instance.area.value !== instance.told) {
    instance.told = instance.area.value;
    instance.setStateValue("text", instance.told);
  }
}

function build(component) {
  const page = document.createElement("div");
  page.className = "editor";
  const gutter = document.createElement("div");
  gutter.className = "gutter";
  gutter.setAttribute("aria-hidden", "true");
  const area = document.createElement("textarea");
  area.spellcheck = false;
  area.wrap = "off";
  page.append(gutter, area);
  component.parentElement.appendChild(page);
  const instance = { area, gutter, marks: {}, told: null, stamp: null, timer: 0 };
  area.oninput = () => {
    number(instance);
    clearTimeout(instance.timer);
    instance.timer = setTimeout(() => tell(instance), PAUSE_MS);
  };
  area.onblur = () => tell(instance);
  area.onscroll = () => { gutter.scrollTop = area.scrollTop; };
  return instance;
}

export default function (component) {
  const { parentElement, data, setStateValue } = component;
  let instance = instances.get(parentElement);
  if (!instance) {
    instance = build(component);
    instances.set(parentElement, instance);
  }
  instance.setStateValue = setStateValue;
  instance.marks = data.marks;
  instance.area.readOnly = data.readonly;
  instance.area.setAttribute("aria-label", data.label);
  // Another text is shown when the page means another one, not whenever it is drawn: somebody is typing here.
  if (instance.stamp !== data.stamp) {
    instance.stamp = data.stamp;
    instance.area.value = data.text;
    instance.told = data.text;
  }
  number(instance);
  return () => clearTimeout(instance.timer);
}
