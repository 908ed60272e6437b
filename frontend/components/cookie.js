// Keeps a choice of the reader's for their next visit. It is no secret: the page may read it.
export default function (component) {
  const { name, value } = component.data;
  document.cookie = `${name}=${encodeURIComponent(value)}; Path=/; Max-Age=31536000; SameSite=Lax`;
}
