// A button that changes between the light and the dark theme. Streamlit keeps the choice of a theme by the path of the
// page, and reads it when a page is loaded: so it is kept for all pages, and the page loaded again.
const KEPT = (path) => `stActiveTheme-${path}-v2`;
const MOON = "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z";
const SUN = "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4";

function isDark(host) {
  const colour = getComputedStyle(host).getPropertyValue("--st-background-color").trim();
  const [r, g, b] = (colour.match(/[0-9a-f]{2}/gi) || []).map((part) => parseInt(part, 16));
  return r + g + b < 384;
}

export default function (component) {
  const { parentElement, data } = component;
  let button = parentElement.querySelector("button");
  if (!button) {
    button = document.createElement("button");
    button.type = "button";
    button.innerHTML = '<svg viewBox="0 0 24 24" aria-hidden="true"><path/></svg>';
    parentElement.appendChild(button);
  }
  const dark = isDark(parentElement.host ?? parentElement);
  button.querySelector("path").setAttribute("d", dark ? SUN : MOON);
  button.title = dark ? data.light : data.dark;
  button.setAttribute("aria-label", button.title);
  button.onclick = () => {
    for (const path of data.paths) localStorage.setItem(KEPT(path), JSON.stringify(dark ? "Light" : "Dark"));
    location.reload();
  };
}
