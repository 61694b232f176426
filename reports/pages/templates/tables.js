// Tables: a click on a head sorts, long ones get a box that filters, and on a phone every row is a card.
const NARROW = matchMedia("(max-width: 640px)");
const LONG = 20;
const shownText = (row, place) => row.children[place].textContent.trim();
const valueOf = (text) => {
  const found = /^-?\d[\d,]*(\.\d+)?(e[-+]?\d+)?/.exec(text);
  return found ? Number(found[0].replaceAll(",", "")) : null;
};
const sortTable = (table, place, head) => {
  const body = table.tBodies[0], up = head.getAttribute("aria-sort") !== "ascending";
  const rows = [...body.rows].map((row) => [row, shownText(row, place)]);
  const numeric = rows.filter(([, text]) => valueOf(text) !== null).length * 2 > rows.length;
  rows.sort(([, a], [, b]) => {
    if (!numeric) return (up ? 1 : -1) * a.localeCompare(b);
    const [x, y] = [valueOf(a), valueOf(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    return (up ? 1 : -1) * (x - y);
  });
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  body.append(...rows.map(([row]) => row));
};
const asCards = (table) => {
  if (table.classList.contains("cards")) return;
  const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  for (const row of table.tBodies[0].rows) [...row.children].forEach((cell, i) => { cell.dataset.label = names[i]; });
  table.classList.add("cards");
};
const labelOpen = (root) => { if (NARROW.matches) root.querySelectorAll("details[open] table.sortable").forEach(asCards); };
for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.onclick = () => sortTable(table, place, head);
    head.append(button);
  });
  const rows = [...table.tBodies[0].rows];
  if (rows.length <= LONG || !table.closest(".scroll")) continue;
  const box = Object.assign(document.createElement("input"), { type: "search" });
  const label = document.createElement("label");
  label.className = "filter";
  label.append("rows that hold ", box);
  box.oninput = () => {
    const words = box.value.toLowerCase().split(" ").filter(Boolean);
    for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
  };
  table.parentElement.before(label);
}
// A link to what is folded away opens it.
const unfold = () => {
  const found = location.hash.length > 1 && !location.hash.includes("=") && document.getElementById(location.hash.slice(1));
  const fold = found && found.closest("details");
  if (fold) { fold.open = true; found.scrollIntoView(); }
};
document.addEventListener("toggle", () => labelOpen(document), true);
NARROW.addEventListener("change", () => labelOpen(document));
window.addEventListener("hashchange", unfold);
labelOpen(document);
unfold();
