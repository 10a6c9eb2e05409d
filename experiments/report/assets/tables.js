"use strict";
// Elements, numbers and sortable tables. Names reach the page as text only, never as HTML.

const byId = (id) => document.getElementById(id);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "style") Object.assign(made.style, value);
    else if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const number = (value, digits = 3) => (value === null || value === undefined ? "–" : value.toFixed(digits));

const dark = matchMedia("(prefers-color-scheme: dark)");

/** What all charts share, in the page's own colours. */
function chartLayout(layout) {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = { gridcolor: colour("--line"), linecolor: colour("--line"), zeroline: false };
  return {
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    font: { family: "system-ui, sans-serif", size: 13, color: colour("--ink") },
    hovermode: "closest",
    ...layout,
    xaxis: { ...axis, ...layout.xaxis },
    yaxis: { ...axis, ...layout.yaxis },
  };
}

/** Plotly takes names for a little HTML language of its own. */
const plotlyText = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function trackerName(name) {
  const style = { solid: "solid", dash: "dashed", dot: "dotted", dashdot: "double" }[REPORT.dashes[name]];
  const key = element("span", { className: "key", style: { borderTopStyle: style, borderTopColor: REPORT.colours[name] } });
  return element("span", {}, key, name);
}

function estimate(one) {
  if (one.low === null) return number(one.value);
  const interval = element("small", {}, `[${number(one.low)}, ${number(one.high)}]`);
  return element("span", {}, number(one.value), interval);
}

/**
 * Fill `place` with a table whose headings sort it.
 * columns: [{ title, value(row), cell?(row), shade?(row), text? }]: value decides the order, cell what is seen.
 * order, where given, is kept between calls: { column, descending }.
 */
function fillTable(place, columns, rows, { onOpen = null, order = { column: -1, descending: true } } = {}) {
  const body = element("tbody");
  const headings = columns.map((column, index) => {
    const button = element("button", { type: "button" }, column.title);
    button.addEventListener("click", () => {
      order.descending = order.column === index ? !order.descending : index > 0;
      order.column = index;
      draw();
    });
    return element("th", { scope: "col", className: column.text ? "text" : "" }, button);
  });

  function draw() {
    const sorted = order.column < 0 ? rows : sortRows(rows, columns[order.column].value, order.descending);
    headings.forEach((heading, index) => {
      const direction = order.descending ? "descending" : "ascending";
      heading.setAttribute("aria-sort", index === order.column ? direction : "none");
    });
    body.replaceChildren(...sorted.map((row) => tableRow(columns, row, onOpen)));
  }

  draw();
  place.replaceChildren(element("table", {}, element("thead", {}, element("tr", {}, ...headings)), body));
}

function tableRow(columns, row, onOpen) {
  const cells = columns.map((column) => {
    const shown = column.cell ? column.cell(row) : column.value(row) ?? "–";
    const cell = element("td", { className: column.text ? "text" : "" }, shown instanceof Node ? shown : String(shown));
    if (column.shade) cell.style.background = column.shade(row);
    return cell;
  });
  const made = element("tr", { className: onOpen ? "link" : "" }, ...cells);
  if (onOpen) made.addEventListener("click", () => onOpen(row));
  return made;
}

function sortRows(rows, value, descending) {
  const missing = (row) => value(row) === null || value(row) === undefined;
  const compare = (first, second) =>
    typeof value(first) === "number" ? value(first) - value(second) : value(first).localeCompare(value(second));
  const known = rows.filter((row) => !missing(row)).sort(compare);
  return [...(descending ? known.reverse() : known), ...rows.filter(missing)]; // what is missing stays at the end
}
