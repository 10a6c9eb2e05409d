"use strict";
// The page: what each control shows. window.REPORT holds the numbers; see experiments/page.py.

const summary = () => REPORT.protocols[byId("protocol").value];
const sequenceOrder = { column: 0, descending: false };
const chartSettings = { displayModeBar: false, responsive: true };
const font = { family: "system-ui, sans-serif", size: 13 };

const sequenceCount = () => Object.keys(summary().sequences).length;

function showOverall() {
  const { trackers } = summary();
  const total = sequenceCount();
  const metrics = Object.entries(REPORT.headings).map(([metric, title]) => ({
    title,
    value: (one) => one.metrics[metric].value,
    cell: (one) => estimate(one.metrics[metric]),
  }));
  const counted = (one) => (one.scored === total ? `${total}` : `incomplete: ${one.scored} of ${total}`);
  fillTable(byId("overall"), [
    { title: "tracker", value: (one) => one.name, cell: (one) => trackerName(one.name), text: true },
    ...metrics,
    { title: "sequences", value: (one) => one.scored, cell: counted },
  ], trackers);
}

const partly = (one) => (one.scored === sequenceCount() ? "" : ` (${one.scored} of ${sequenceCount()})`);

function showCurves() {
  const places = REPORT.plots.map((plot) => {
    const ranked = summary().trackers.filter((one) => one.curves[plot.curve])
      .sort((first, second) => second.metrics[plot.metric].value - first.metrics[plot.metric].value);
    const traces = ranked.map((one) => ({
      x: plot.thresholds,
      y: one.curves[plot.curve],
      name: `${plotlyText(one.name)}${partly(one)} [${number(one.metrics[plot.metric].value)}]`,
      line: { color: REPORT.colours[one.name], dash: REPORT.dashes[one.name], width: 2.5 },
      hovertemplate: "%{y:.3f} at %{x}<extra>%{fullData.name}</extra>",
    }));
    const height = `${410 + 20 * traces.length}px`; // the legend is below, a line a tracker
    return { place: element("div", { style: { height } }), plot, traces };
  });
  byId("curves").replaceChildren(...places.map((one) => one.place));
  for (const { place, plot, traces } of places) {
    Plotly.newPlot(place, traces, {
      font,
      title: { text: `${plot.title} of ${byId("protocol").value}`, font: { size: 15 } },
      margin: { l: 55, r: 15, t: 45, b: 45 },
      xaxis: { title: { text: plot.xlabel }, zeroline: false },
      yaxis: { title: { text: plot.ylabel }, range: [0, 1.02], zeroline: false },
      legend: { y: -0.2, yanchor: "top", x: 0, maxheight: 30 + 20 * traces.length },
      hovermode: "closest",
    }, chartSettings);
  }
}

function showAttributes() {
  const place = byId("attributes");
  if (!place) return;
  const metric = byId("attribute-metric").value;
  const { attributes, trackers } = summary();
  const traces = trackers.map((tracker) => ({
    x: attributes.map((one) => one.trackers[tracker.name]?.[metric] ?? null),
    y: attributes.map((one) => plotlyText(`${one.full_name} (${one.count})`)),
    name: plotlyText(tracker.name),
    mode: "markers",
    marker: { color: REPORT.colours[tracker.name], size: 11, symbol: markerOf(tracker.name), line: { width: 1, color: "#fff" } },
    hovertemplate: "%{y}: %{x:.3f}<extra>%{fullData.name}</extra>",
  }));
  place.style.height = `${150 + 34 * attributes.length}px`;
  Plotly.react(place, traces, {
    font,
    margin: { l: 200, r: 20, t: 20, b: 50 },
    xaxis: { title: { text: REPORT.headings[metric] }, zeroline: false },
    yaxis: { autorange: "reversed", type: "category" },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
  }, chartSettings);
}

const markerOf = (name) =>
  ({ solid: "circle", dash: "diamond", dot: "square", dashdot: "triangle-up" })[REPORT.dashes[name]];

function showDifferences() {
  const place = byId("differences");
  if (!place) return;
  const metric = byId("difference-metric").value;
  const decided = (one) => one.metrics[metric].low > 0 || one.metrics[metric].high < 0;
  const verdict = (one) => {
    if (one.metrics[metric].low === null || !decided(one)) return "undecided";
    return one.metrics[metric].value > 0 ? `${one.first} is better` : `${one.second} is better`;
  };
  fillTable(place, [
    { title: "first", value: (one) => one.first, cell: (one) => trackerName(one.first), text: true },
    { title: "second", value: (one) => one.second, cell: (one) => trackerName(one.second), text: true },
    { title: "difference", value: (one) => one.metrics[metric].value, cell: (one) => estimate(one.metrics[metric]) },
    { title: "verdict", value: verdict, cell: (one) => element("span", { className: decided(one) ? "decided" : "soft" }, verdict(one)), text: true },
    { title: "sequences of both", value: (one) => one.sequences },
  ], summary().differences);
}

function showClassMeans() {
  const place = byId("by-class");
  if (!place) return;
  fillTable(place, [
    { title: "tracker", value: (one) => one.name, cell: (one) => trackerName(one.name), text: true },
    ...Object.entries(REPORT.classMeans).map(([key, title]) => ({
      title, value: (one) => one.by_class[key], cell: (one) => number(one.by_class[key]),
    })),
  ], summary().trackers.filter((one) => one.by_class));
}

function showSpeed() {
  const timed = summary().trackers.filter((one) => one.timing);
  if (!timed.length) {
    byId("speed").replaceChildren(element("p", { className: "soft", style: { padding: "0 .7rem" } }, "There are no time files."));
    return;
  }
  fillTable(byId("speed"), [
    { title: "tracker", value: (one) => one.name, cell: (one) => trackerName(one.name), text: true },
    ...Object.entries(REPORT.speeds).map(([key, title]) => ({
      title, value: (one) => one.timing[key], cell: (one) => number(one.timing[key], 1),
    })),
  ], timed);
}

function showResets() {
  const place = byId("resets");
  if (!place) return;
  fillTable(place, [
    { title: "tracker", value: (one) => one.name, cell: (one) => trackerName(one.name), text: true },
    { title: "accuracy", value: (one) => one.resets.accuracy, cell: (one) => number(one.resets.accuracy) },
    { title: "failures", value: (one) => one.resets.failures },
    { title: "failures per 100 frames", value: (one) => one.resets.failures_per_100, cell: (one) => number(one.resets.failures_per_100, 2) },
    { title: "EAO", value: (one) => one.resets.eao, cell: (one) => number(one.resets.eao) },
    { title: "AO without resets", value: (one) => one.resets.ao, cell: (one) => number(one.resets.ao) },
  ], summary().trackers.filter((one) => one.resets));
}

function showSequences() {
  const metric = byId("sequence-metric").value;
  const attribute = byId("sequence-attribute").value;
  const { sequences, trackers } = summary();
  const rows = Object.keys(sequences).filter((name) => !attribute || sequences[name].includes(attribute));
  // From orange to white to blue: told apart by colour-blind readers, and still in grey by the number itself.
  const shade = (value) => {
    if (value === null) return "";
    const [r, g, b] = value < 0.5 ? [230, 159, 0] : [86, 180, 233];
    return `rgb(${r} ${g} ${b} / ${Math.abs(value - 0.5).toFixed(2)})`;
  };
  fillTable(byId("sequences"), [
    { title: "sequence", value: (name) => name, cell: (name) => element("button", { type: "button" }, name), text: true },
    { title: "attributes", value: (name) => sequences[name].length, cell: (name) => sequences[name].join(" "), text: true },
    ...trackers.map((one) => ({
      title: one.name,
      value: (name) => one.sequences[metric][name],
      cell: (name) => number(one.sequences[metric][name]),
      shade: (name) => shade(one.sequences[metric][name]),
    })),
  ], rows, { onOpen: openSequence, order: sequenceOrder });
}

function showAll() {
  for (const show of [showOverall, showCurves, showAttributes, showDifferences, showClassMeans, showSpeed, showResets, showSequences]) show();
}

for (const select of document.querySelectorAll("select.metric")) {
  for (const [metric, title] of Object.entries(REPORT.headings)) select.append(element("option", { value: metric }, title));
  select.value = summary().rank_metric;
}
byId("protocol").addEventListener("change", showAll);
byId("attribute-metric")?.addEventListener("change", showAttributes);
byId("difference-metric")?.addEventListener("change", showDifferences);
byId("sequence-metric").addEventListener("change", showSequences);
byId("sequence-attribute").addEventListener("change", showSequences);
showAll();
