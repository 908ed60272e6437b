// Keeps a choice of the reader's for their next visit. It is no secret: the page may read it.
// As the one component of every page it also tells the page's own style whether the theme is dark.
function markTheme(host) {
  const colour = getComputedStyle(host).getPropertyValue("--st-background-color").trim();
  const [r, g, b] = (colour.match(/[0-9a-f]{2}/gi) || []).map((part) => parseInt(part, 16));
  document.documentElement.toggleAttribute("data-chatbot-dark", r + g + b < 384);
}

export default function (component) {
  const { name, value } = component.data;
  markTheme(component.parentElement.host ?? component.parentElement);
  document.cookie = `${name}=${encodeURIComponent(value)}; Path=/; Max-Age=31536000; SameSite=Lax`;
}
