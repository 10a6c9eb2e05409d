"use strict";
// The page: what each control shows. window.REPORT holds the numbers; see experiments/report/page.py.

const summary = () => REPORT.protocols[byId("protocol").value];
const sequenceOrder = { column: 0, descending: false };
const chartSettings = { displayModeBar: false, responsive: true };

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
    return { place: element("div", { className: "card", style: { height } }), plot, traces };
  }).filter((one) => one.traces.length);
  byId("curves").closest("section").hidden = !places.length; // of runs with resets alone there are none
  byId("curves").replaceChildren(...places.map((one) => one.place));
  for (const { place, plot, traces } of places) {
    Plotly.newPlot(place, traces, chartLayout({
      title: { text: `${plot.title} of ${byId("protocol").value}`, font: { size: 15 } },
      margin: { l: 55, r: 15, t: 45, b: 45 },
      xaxis: { title: { text: plot.xlabel } },
      yaxis: { title: { text: plot.ylabel }, range: [0, 1.02] },
      legend: { y: -0.2, yanchor: "top", x: 0, maxheight: 30 + 20 * traces.length },
    }), chartSettings);
  }
}

function showAttributes() {
  const place = byId("attributes");
  if (!place) return;
  const metric = byId("attribute-metric").value;
  const { attributes, trackers } = summary();
  place.closest("section").hidden = attributes.every((one) => !Object.keys(one.trackers).length);
  const narrow = place.clientWidth < 600;
  const traces = trackers.map((tracker) => ({
    x: attributes.map((one) => one.trackers[tracker.name]?.[metric] ?? null),
    y: attributes.map((one) => plotlyText(`${narrow ? one.name : one.full_name} (${one.count})`)),
    name: plotlyText(tracker.name),
    mode: "markers",
    marker: { color: REPORT.colours[tracker.name], size: 11, symbol: markerOf(tracker.name), line: { width: 1, color: "#fff" } },
    hovertemplate: "%{y}: %{x:.3f}<extra>%{fullData.name}</extra>",
  }));
  place.style.height = `${150 + 34 * attributes.length}px`;
  Plotly.react(place, traces, chartLayout({
    margin: { l: narrow ? 70 : 200, r: 20, t: 20, b: 50 },
    xaxis: { title: { text: REPORT.headings[metric] } },
    yaxis: { autorange: "reversed", type: "category" },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
  }), chartSettings);
}

const markerOf = (name) =>
  ({ solid: "circle", dash: "diamond", dot: "square", dashdot: "triangle-up" })[REPORT.dashes[name]];

/** The row's tracker minus the column's, whichever way round the pair was computed. */
function difference(first, second, metric, interval) {
  const pair = summary().differences.find((one) => one.first === first && one.second === second);
  const turned = summary().differences.find((one) => one.first === second && one.second === first);
  if (!pair && !turned) return null;
  const { sequences, metrics } = pair ?? turned;
  const { value, student } = metrics[metric];
  const [low, high] = interval === "student" ? student ?? [null, null] : [metrics[metric].low, metrics[metric].high];
  const minus = (number) => (number === null ? null : -number);
  return pair ? { value, low, high, sequences } : { value: minus(value), low: minus(high), high: minus(low), sequences };
}

function showDifferences() {
  const place = byId("differences");
  if (!place) return;
  const [metric, interval] = [byId("difference-metric").value, byId("difference-interval").value];
  const names = summary().trackers.map((one) => one.name);
  const cell = (first, second) => {
    const one = difference(first, second, metric, interval);
    if (one === null) return "";
    const decided = one.low !== null && (one.low > 0 || one.high < 0);
    const about = `${first} minus ${second}, ${one.sequences} sequences`;
    return element("span", { className: decided ? "decided" : "soft", title: about }, estimate(one));
  };
  fillTable(place, [
    { title: "tracker", value: (name) => name, cell: trackerName, text: true },
    ...names.map((other) => ({
      title: `− ${other}`,
      value: (name) => difference(name, other, metric, interval)?.value,
      cell: (name) => cell(name, other),
    })),
  ], names);
  const fewest = Math.min(...summary().differences.map((one) => one.sequences));
  byId("few").hidden = fewest >= REPORT.few || interval === "student";
  byId("few").textContent = `Only ${fewest} sequences: the bootstrap's 95 % intervals are too narrow below ${REPORT.few} ` +
    "(they hold the truth in 87 to 89 of 100 cases at 8 sequences, Student's t in 92 to 95). Choose Student's t.";
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
    { title: "failures", value: (one) => one.resets.failures, cell: (one) => number(one.resets.failures, 1) },
    { title: "failures per 100 frames", value: (one) => one.resets.failures_per_100, cell: (one) => number(one.resets.failures_per_100, 2) },
    { title: "EAO", value: (one) => one.resets.eao, cell: (one) => number(one.resets.eao) },
    { title: "AO without resets", value: (one) => one.resets.ao, cell: (one) => number(one.resets.ao) },
  ], summary().trackers.filter((one) => one.resets));
  showResetsByAttribute(summary().trackers.filter((one) => one.resets));
}

function showResetsByAttribute(trackers) {
  const frames = Object.fromEntries(trackers.flatMap((one) =>
    Object.entries(one.resets.by_attribute).map(([name, score]) => [name, score.frames])));
  if (!Object.keys(frames).length) return byId("resets-by-attribute").replaceChildren();
  const score = (one, name) => one.resets.by_attribute[name];
  fillTable(byId("resets-by-attribute"), [
    { title: "attribute", value: (name) => name, text: true },
    { title: "frames", value: (name) => frames[name] },
    ...trackers.map((one) => ({
      title: one.name,
      value: (name) => score(one, name)?.accuracy,
      cell: (name) => `${number(score(one, name)?.accuracy)} / ${number(score(one, name)?.failures, 1)}`,
    })),
  ], Object.keys(frames));
}

function showSequences() {
  const metric = byId("sequence-metric").value;
  const attribute = byId("sequence-attribute").value;
  const { sequences, trackers } = summary();
  const wanted = byId("sequence-name").value.trim().toLowerCase();
  const rows = Object.keys(sequences).filter((name) =>
    (!attribute || sequences[name].includes(attribute)) && name.toLowerCase().includes(wanted));
  // From orange to white to blue: told apart by colour-blind readers, and still in grey by the number itself.
  const shade = (value) => {
    if (value === null) return "";
    const [r, g, b] = value < 0.5 ? [230, 159, 0] : [86, 180, 233];
    return `rgb(${r} ${g} ${b} / ${Math.abs(value - 0.5).toFixed(2)})`;
  };
  const fullNames = Object.fromEntries(summary().attributes.map((one) => [one.name, one.full_name]));
  const tags = (name) => sequences[name].flatMap((tag) => [element("abbr", { title: fullNames[tag] ?? tag }, tag), " "]);
  fillTable(byId("sequences"), [
    { title: "sequence", value: (name) => name, cell: (name) => element("button", { type: "button" }, name), text: true },
    { title: "attributes", value: (name) => sequences[name].length, cell: (name) => element("span", {}, ...tags(name)), text: true },
    ...trackers.map((one) => ({
      title: one.name,
      value: (name) => one.sequences[metric][name],
      cell: (name) => number(one.sequences[metric][name]),
      shade: (name) => shade(one.sequences[metric][name]),
    })),
  ], rows, { onOpen: (name) => openSequence(name), order: sequenceOrder });
}

function showAll() {
  for (const show of [showOverall, showCurves, showAttributes, showDifferences, showClassMeans, showSpeed, showResets, showSequences]) show();
}

for (const select of document.querySelectorAll("select.metric")) {
  for (const [metric, title] of Object.entries(REPORT.headings)) select.append(element("option", { value: metric }, title));
  select.value = summary().rank_metric;
}
const changes = {
  protocol: showAll,
  "attribute-metric": showAttributes,
  "difference-metric": showDifferences,
  "difference-interval": showDifferences,
  "sequence-metric": showSequences,
  "sequence-attribute": showSequences,
  "sequence-name": showSequences,
};
for (const [id, show] of Object.entries(changes)) {
  byId(id)?.addEventListener("change", () => {
    show();
    remember();
  });
}
byId("sequence-name").addEventListener("input", showSequences);
dark.addEventListener("change", showAll);
