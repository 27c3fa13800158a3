// Comfort only: every page is complete without it. A filter that was chosen with the pointer applies at once (by keyboard
// the button does it: arrow keys would leave the page at every step); a table's heading sorts it; days have a calendar.
"use strict";
let byPointer = false;
addEventListener("pointerdown", () => { byPointer = true; }, true);
addEventListener("keydown", () => { byPointer = false; }, true);
for (const select of document.querySelectorAll("form.filters select")) {
  select.addEventListener("change", () => byPointer && select.form.submit());
}
const make = (name, attributes, ...children) => {
  const element = document.createElement(name);
  for (const [key, told] of Object.entries(attributes)) element.setAttribute(key, told);
  element.append(...children);
  return element;
};
const DAY = 86400000;
for (const select of document.querySelectorAll("select.days")) {
  const built = new Set([...select.options].map((option) => option.text));
  const months = [...new Set([...built].map((day) => day.slice(0, 7)))].sort();
  let month = months.indexOf(select.selectedOptions[0].text.slice(0, 7));
  const dialog = make("dialog", { class: "calendar", "aria-label": "Days that were built" });
  const draw = () => {
    const first = new Date(`${months[month]}-01T00:00:00Z`);
    const start = first.getTime() - ((first.getUTCDay() + 6) % 7) * DAY;
    const title = first.toLocaleDateString("en", { month: "long", year: "numeric", timeZone: "UTC" });
    const step = (by, label) => {
      const button = make("button", { type: "button", "aria-label": label }, by < 0 ? "‹" : "›");
      button.disabled = !months[month + by];
      button.addEventListener("click", () => { month += by; draw(); });
      return button;
    };
    const body = make("tbody", {});
    for (let week = 0; week < 6; week += 1) {
      const row = make("tr", {});
      for (let weekday = 0; weekday < 7; weekday += 1) {
        const day = new Date(start + (7 * week + weekday) * DAY).toISOString().slice(0, 10);
        const number = String(Number(day.slice(8)));
        if (!day.startsWith(months[month])) row.append(make("td", {}));
        else if (!built.has(day)) row.append(make("td", { class: "muted" }, number));
        else {
          const button = make("button", { type: "button", "aria-label": day, "aria-pressed": day === select.selectedOptions[0].text }, number);
          button.addEventListener("click", () => { select.value = day; select.form.submit(); });
          row.append(make("td", {}, button));
        }
      }
      body.append(row);
    }
    const names = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"].map((name) => make("th", { scope: "col" }, name));
    const close = make("button", { type: "button" }, "Close");
    close.addEventListener("click", () => dialog.close());
    dialog.replaceChildren(
      make("p", {}, step(-1, "Month before"), make("strong", { "aria-live": "polite" }, title), step(1, "Month after")),
      make("table", {}, make("thead", {}, make("tr", {}, ...names)), body), close);
  };
  const open = make("button", { type: "button", "aria-haspopup": "dialog", class: "open" }, "Calendar");
  open.addEventListener("click", () => { draw(); dialog.showModal(); });
  select.parentElement.after(open, dialog);
}
const value = (row, index) => {
  const cell = row.cells[index];
  const text = cell.dataset.sort ?? cell.textContent.trim();
  const number = Number(text.replace(/[,%\s]/g, ""));
  return text === "" || text === "—" ? null : Number.isNaN(number) ? text.toLowerCase() : number;
};
for (const table of document.querySelectorAll("table.sortable")) {
  for (const [index, heading] of [...table.tHead.rows[0].cells].entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") !== "descending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((one, two) => {
        const [a, b] = [value(one, index), value(two, index)];
        if (a === null || b === null) return (a === null) - (b === null);
        const order = typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : String(a) < String(b) ? -1 : 1;
        return down ? -order : order;
      });
      table.tBodies[0].append(...rows);
    });
  }
}
