// A page of a document as a picture, with boxes over the lines of a passage.
function build(parentElement) {
  const page = document.createElement("div");
  page.className = "page";
  page.tabIndex = 0;
  page.setAttribute("role", "group");
  const zoom = document.createElement("button");
  zoom.type = "button";
  const sheet = document.createElement("div");
  sheet.className = "sheet";
  const picture = document.createElement("img");
  sheet.appendChild(picture);
  page.append(zoom, sheet);
  parentElement.appendChild(page);
  zoom.onclick = () => {
    const large = sheet.classList.toggle("large");
    zoom.textContent = large ? "−" : "+";
    zoom.setAttribute("aria-pressed", String(large));
    show(page, sheet);
  };
  zoom.textContent = "+";
  zoom.setAttribute("aria-pressed", "false");
  return page;
}

function show(page, sheet) {
  const first = sheet.querySelector(".mark");
  page.scrollTop = first ? first.offsetTop - page.clientHeight / 3 : 0;
  page.scrollLeft = first ? first.offsetLeft - page.clientWidth / 4 : 0;
}

function mark(sheet, { left, top, right, bottom }) {
  const element = document.createElement("div");
  element.className = "mark";
  element.style.left = `${left * 100}%`;
  element.style.top = `${top * 100}%`;
  element.style.width = `${(right - left) * 100}%`;
  element.style.height = `${(bottom - top) * 100}%`;
  sheet.appendChild(element);
}

export default function (component) {
  const { parentElement, data } = component;
  const page = parentElement.querySelector(".page") ?? build(parentElement);
  const [zoom, sheet] = [page.querySelector("button"), page.querySelector(".sheet")];
  const picture = sheet.querySelector("img");
  page.setAttribute("aria-label", data.alt);
  zoom.setAttribute("aria-label", data.zoom);
  zoom.title = data.zoom;
  const stamp = JSON.stringify([data.source, data.boxes]);
  if (page.dataset.shown === stamp) return;
  page.dataset.shown = stamp;
  page.querySelector(".failed")?.remove();
  sheet.hidden = false;
  sheet.style.aspectRatio = `${data.width} / ${data.height}`;
  picture.alt = data.alt;
  picture.onerror = () => {
    const failed = document.createElement("div");
    failed.className = "failed";
    failed.textContent = data.failed;
    sheet.hidden = true;
    page.appendChild(failed);
  };
  picture.src = data.source;
  for (const old of sheet.querySelectorAll(".mark")) old.remove();
  for (const box of data.boxes) mark(sheet, box);
  requestAnimationFrame(() => show(page, sheet));
}
