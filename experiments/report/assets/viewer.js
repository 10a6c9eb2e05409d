"use strict";
// One sequence: frames with boxes, and overlap and error over time, linked.

const TRUTH_COLOUR = "#ffffff";
const VISIBLE_AT_FIRST = 6; // of more, nobody can follow the lines
const canvasDashes = { solid: [], dash: [9, 5], dot: [2, 4], dashdot: [9, 4, 2, 4] };
let shown = null; // the open sequence: its numbers, the frames the slider goes through, the frame on view
let playing = 0;

/** Numbers that experiments/report/sequences.py packed, with NaN where there is none. */
function unpack({ step, data }) {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  return Float64Array.from(new Int16Array(bytes.buffer), (value) => (value === -32768 ? NaN : value * step));
}

/** A page opened from disk may not read files, but it may load scripts: each sequence is one. */
function openSequence(name, frame = 0) {
  const script = element("script", { src: `assets/sequences/${REPORT.files[name]}.js` });
  script.addEventListener("load", () => {
    script.remove();
    showSequence(window.SEQUENCE, frame);
    remember();
  });
  script.addEventListener("error", () => alert(`The numbers of ${name} are not where the report was written.`));
  document.head.append(script);
}

/** The sequence so many rows further down in the table, as that is sorted and filtered. */
function openNeighbour(by) {
  const listed = [...document.querySelectorAll("#sequences tbody td:first-child")].map((cell) => cell.textContent);
  const names = listed.includes(shown.name) ? listed : Object.keys(summary().sequences);
  const name = names[names.indexOf(shown.name) + by];
  if (name !== undefined) openSequence(name);
}

function showSequence(record, frame) {
  const rank = Object.values(REPORT.protocols)[0].trackers.map((one) => one.name);
  const ranked = record.trackers.toSorted((first, second) => rank.indexOf(first.name) - rank.indexOf(second.name));
  shown = {
    ...record,
    truth: unpack(record.truth),
    trackers: ranked.map((one, place) => ({
      ...one, bboxes: unpack(one.bboxes), overlap: unpack(one.overlap), error: unpack(one.error),
      visible: place < VISIBLE_AT_FIRST,
    })),
    frame,
  };
  const every = Array.from({ length: record.frames }, (_, index) => index);
  shown.every = every;
  shown.stops = record.kept.length ? record.kept : every;
  shown.image = null;
  const size = frameSize();
  Object.assign(byId("canvas"), { width: size.width, height: size.height });
  byId("viewer-name").textContent = record.name;
  byId("viewer-about").textContent = [`${record.frames} frames`, ...record.attributes].join(" · ");
  byId("full").checked = false;
  byId("full-label").hidden = !record.originals.names.length;
  showLegend();
  play(false);
  if (!byId("viewer").open) byId("viewer").showModal();
  showCharts();
  setStops(shown.stops);
  byId("scrub").focus();
}

/** Of the frames, or where there are none of what holds every true box. */
function frameSize() {
  if (shown.width) return shown;
  let [width, height] = [64, 36];
  for (let at = 0; at < shown.truth.length; at += 4) {
    if (Number.isNaN(shown.truth[at])) continue;
    width = Math.max(width, shown.truth[at] + shown.truth[at + 2]);
    height = Math.max(height, shown.truth[at + 1] + shown.truth[at + 3]);
  }
  return { width: Math.ceil(width * 1.05), height: Math.ceil(height * 1.05) };
}

function showLegend() {
  const key = element("span", { className: "key", style: { borderTop: "4px dashed" } });
  const truth = element("li", {}, element("label", {}, key, "ground truth"), element("span"));
  const trackers = shown.trackers.map((one) => {
    const box = element("input", { type: "checkbox", checked: one.visible });
    const show = (visible) => {
      one.visible = box.checked = visible;
      showCharts();
      draw();
    };
    box.addEventListener("change", () => show(box.checked));
    const failed = one.first_failure;
    const button = element("button", { type: "button", disabled: failed === null },
      failed === null ? "never loses the target" : `first failure: frame ${failed + 1}`);
    button.addEventListener("click", () => {
      show(true);
      goTo(failed);
    });
    return element("li", {}, element("label", {}, box, trackerName(one.name)), button);
  });
  byId("legend").replaceChildren(truth, ...trackers);
}

function showCharts() {
  const frames = shown.every.map((frame) => frame + 1);
  const chart = (id, values, title, range) => {
    const traces = shown.trackers.map((one) => ({
      x: frames,
      y: Array.from(one[values], (value) => (Number.isNaN(value) ? null : value)),
      name: plotlyText(one.name),
      visible: one.visible,
      line: { color: REPORT.colours[one.name], dash: REPORT.dashes[one.name], width: 1.8 },
      hovertemplate: `frame %{x}: %{y:.2f}<extra>%{fullData.name}</extra>`,
    }));
    const place = byId(id);
    Plotly.react(place, traces, chartLayout({
      margin: { l: 60, r: 10, t: 10, b: 40 },
      showlegend: false,
      xaxis: { title: { text: "frame" }, range: [1, Math.max(2, shown.frames)] },
      yaxis: { title: { text: title }, rangemode: "tozero", ...range },
      shapes: [cursor()],
    }), { displayModeBar: false, responsive: true });
    place.removeAllListeners("plotly_click");
    place.on("plotly_click", ({ points }) => goTo(points[0].x - 1));
  };
  chart("overlap-chart", "overlap", "overlap", { range: [0, 1.02] });
  chart("error-chart", "error", "centre error (pixels)", {});
}

const cursor = () => ({
  type: "line", xref: "x", yref: "paper", x0: shown.frame + 1, x1: shown.frame + 1, y0: 0, y1: 1,
  line: { color: getComputedStyle(document.body).color, width: 1.5 },
});

/** Let the slider go through these frames, as near as it can to the one on view. */
function setStops(stops) {
  shown.stops = stops;
  byId("scrub").max = stops.length - 1;
  byId("viewer-note").textContent = note();
  goTo(shown.frame);
}

function note() {
  if (byId("full").checked) return "";
  if (!shown.kept.length) return shown.originals.names.length ? "no pictures were kept" : "boxes only: there are no frames";
  return shown.kept.length === shown.frames ? "" : `${shown.kept.length} of ${shown.frames} frames are kept`;
}

/** Show the frame, or the nearest that the slider stops at. */
function goTo(frame) {
  const nearest = shown.stops.reduce((best, stop, index) =>
    Math.abs(stop - frame) < Math.abs(shown.stops[best] - frame) ? index : best, 0);
  shown.frame = shown.stops[nearest];
  byId("scrub").value = nearest;
  byId("frame").value = `${shown.frame + 1} of ${shown.frames}`;
  for (const id of ["overlap-chart", "error-chart"]) Plotly.relayout(byId(id), { shapes: [cursor()] });
  loadPicture();
  keepAddress();
}

function loadPicture() {
  const { frame, originals } = shown;
  const full = byId("full").checked;
  if (!full && !shown.kept.includes(frame)) {
    shown.image = null;
    draw();
    return;
  }
  const image = new Image();
  const stillWanted = () => shown.frame === frame && byId("full").checked === full;
  image.addEventListener("load", () => {
    if (!stillWanted()) return;
    shown.image = image;
    draw();
  });
  image.addEventListener("error", () => {
    if (!stillWanted()) return;
    shown.image = null;
    byId("viewer-note").textContent = "the dataset's frame is not where it was when the report was written";
    draw();
  });
  image.src = full ? `${originals.folder}/${originals.names[frame]}` : `${shown.pictures}/${frame}.jpg`;
}

function draw() {
  const canvas = byId("canvas");
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (shown.image) context.drawImage(shown.image, 0, 0, canvas.width, canvas.height);
  const thickness = Math.max(1, Math.min(canvas.width, canvas.height) / 180);
  for (const one of shown.trackers.filter((each) => each.visible).reverse()) {
    drawBox(context, one.bboxes, REPORT.colours[one.name], canvasDashes[REPORT.dashes[one.name]], thickness);
  }
  drawBox(context, shown.truth, TRUTH_COLOUR, [6, 4], thickness);
}

function drawBox(context, bboxes, colour, dashes, thickness) {
  const [x, y, w, h] = bboxes.subarray(4 * shown.frame, 4 * shown.frame + 4);
  if (Number.isNaN(x)) return;
  context.setLineDash(dashes.map((length) => length * thickness / 2));
  context.lineWidth = thickness;
  context.strokeStyle = colour;
  context.strokeRect(x + 0.5, y + 0.5, w - 1, h - 1); // through the middle of its outermost pixels
}

function step(by) {
  const next = shown.stops[Math.min(Math.max(Number(byId("scrub").value) + by, 0), shown.stops.length - 1)];
  goTo(next);
}

function play(on) {
  clearInterval(playing);
  playing = on ? setInterval(() => step(1), 80 / byId("pace").value) : 0;
  byId("play").textContent = on ? "Pause" : "Play";
}

byId("scrub").addEventListener("input", () => goTo(shown.stops[Number(byId("scrub").value)]));
byId("play").addEventListener("click", () => play(!playing));
byId("pace").addEventListener("change", () => play(playing !== 0));
byId("full").addEventListener("change", () => setStops(byId("full").checked || !shown.kept.length ? shown.every : shown.kept));
byId("viewer-previous").addEventListener("click", () => openNeighbour(-1));
byId("viewer-next").addEventListener("click", () => openNeighbour(1));
byId("viewer-close").addEventListener("click", () => byId("viewer").close());
byId("viewer").addEventListener("close", () => {
  play(false);
  remember();
});
byId("viewer").addEventListener("keydown", (event) => {
  const actions = {
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    PageUp: () => openNeighbour(-1),
    PageDown: () => openNeighbour(1),
    " ": () => play(!playing),
  };
  const pressed = event.key === " " && event.target.matches("button, select, [type=checkbox]"); // which take it themselves
  if (!actions[event.key] || pressed || (event.target.matches("select") && event.key !== " ")) return;
  event.preventDefault();
  actions[event.key]();
});
