// Puts a text on the clipboard, also where the page is not served over https.
const ICON = '<svg viewBox="0 0 24 24" aria-hidden="true"><rect x="9" y="9" width="11" height="11" rx="2"/><path d="M5 15V6a2 2 0 0 1 2-2h9"/></svg>';

async function copy(text) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return;
    } catch (error) {
      // Not allowed here: the old way below still is.
    }
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  document.body.appendChild(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export default function (component) {
  const { parentElement, data } = component;
  let button = parentElement.querySelector("button");
  if (!button) {
    button = document.createElement("button");
    button.type = "button";
    button.innerHTML = `${ICON}<span aria-live="polite"></span>`;
    parentElement.appendChild(button);
  }
  const label = button.querySelector("span");
  label.textContent = data.label;
  button.onclick = async () => {
    await copy(data.text);
    label.textContent = data.done;
    setTimeout(() => { label.textContent = data.label; }, 1600);
  };
}
