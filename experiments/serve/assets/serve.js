// The page: what is opened, the connection to its session, and the controls around the stage.

import { Stage, css } from "./stage.js";

const $ = (id) => document.getElementById(id);
const state = { session: null, socket: null, view: null, waiting: null, drawing: false, wanted: null, sought: null, offer: null, retries: 0 };

const stage = new Stage($("stage"), {
  touch: () => { if (state.view?.playing) send({ do: "pause" }); },
  draw: (bbox) => send({ do: "add", bbox, trackers: chosenTrackers() }),
  correct: (lane, bbox) => send({ do: "correct", lane, bbox, forget: $("forget").checked }),
  select: (lane) => send({ do: "select", lane }),
});

function say(text) {
  $("message").textContent = text;
  $("message").hidden = !text;
}

function element(tag, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
}

// ---- opening

async function ask(address, options) {
  const answer = await fetch(address, options);
  if (answer.ok) return answer;
  const text = await answer.text();
  let message = text;
  try { message = JSON.parse(text).error; } catch { /* plain text */ }
  throw new Error(message || `the server answered ${answer.status}`);
}

async function offer() {
  state.offer = await (await ask("api/offer")).json();
  const { sources, trackers, formats, upload_bytes: bytes } = state.offer;
  $("limit").textContent = `MP4, MOV, AVI, MKV, WebM, MPEG or GIF, up to ${Math.floor(bytes / 2 ** 20)} MB. It stays on the machine that serves this page.`;
  $("sources").replaceChildren(...sources.map((name, source) => {
    const button = element("button", { textContent: name, onclick: () => open(source) });
    return element("li", {}, button);
  }));
  $("offered").hidden = !sources.length;
  $("trackers").replaceChildren(...trackers.map((name, index) => {
    const box = element("input", { type: "checkbox", value: name, checked: index === 0 });
    return element("label", { className: "check" }, box, name);
  }));
  $("format").replaceChildren(...formats.map((name) => element("option", { value: name, textContent: name })));
  $("format").value = "csv";
}

function chosenTrackers() {
  return [...$("trackers").querySelectorAll("input:checked")].map((box) => box.value);
}

async function open(source) {
  say("");
  try {
    const body = JSON.stringify({ source });
    const answer = await ask("api/sessions", { method: "POST", body, headers: { "Content-Type": "application/json" } });
    connect((await answer.json()).session);
  } catch (error) { say(error.message); }
}

function upload(file) {
  say("");
  if (file.size > state.offer.upload_bytes) {
    say(`${file.name} is larger than the ${Math.floor(state.offer.upload_bytes / 2 ** 20)} MB allowed here`);
    return;
  }
  const request = new XMLHttpRequest();
  request.open("POST", `api/uploads?name=${encodeURIComponent(file.name)}`);
  request.upload.onprogress = (event) => { $("progress").value = event.loaded / Math.max(event.total, 1); };
  request.onloadend = () => {
    $("progress").hidden = true;
    $("file").value = "";
    let answer = {};
    try { answer = JSON.parse(request.responseText); } catch { /* none came */ }
    if (request.status === 201) connect(answer.session);
    else say(answer.error || "the upload broke off");
  };
  $("progress").hidden = false;
  $("progress").value = 0;
  request.send(file);
}

// ---- the connection

function connect(session) {
  state.session = session;
  history.replaceState(null, "", `#${session}`);
  const address = new URL(`api/sessions/${encodeURIComponent(session)}/socket`, location.href.split("#")[0]);
  address.protocol = address.protocol.replace("http", "ws");
  const socket = (state.socket = new WebSocket(address));
  socket.binaryType = "arraybuffer";
  let opened = false;
  socket.onmessage = ({ data }) => {
    if (typeof data === "string") {
      say(JSON.parse(data).error);
      state.sought = null;
      return;
    }
    opened = true;
    state.retries = 0;
    state.waiting = data;
    paint();
  };
  socket.onclose = ({ code }) => {
    if (state.socket !== socket) return;
    if (opened && code !== 1001 && state.retries < 5) {
      state.retries += 1;
      say("The connection broke off; trying again …");
      setTimeout(() => { if (state.socket === socket) connect(session); }, 1000);
      return;
    }
    if (!opened && state.retries && state.retries < 5) {
      state.retries += 1;
      setTimeout(() => { if (state.socket === socket) connect(session); }, 1000);
      return;
    }
    show(null);
    say("That session is closed: open the video again.");
  };
}

function send(command) {
  say("");
  if (state.socket?.readyState === WebSocket.OPEN) state.socket.send(JSON.stringify(command));
}

// Only the newest picture is decoded: a page that cannot keep up leaves some out.
async function paint() {
  if (state.drawing) return;
  state.drawing = true;
  while (state.waiting) {
    const data = state.waiting;
    state.waiting = null;
    const length = new DataView(data).getUint32(0);
    const view = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    const picture = await createImageBitmap(new Blob([new Uint8Array(data, 4 + length)], { type: "image/jpeg" }));
    show(view, picture);
  }
  state.drawing = false;
}

function leave() {
  const session = state.session;
  state.socket?.close();
  show(null);
  if (session) ask(`api/sessions/${encodeURIComponent(session)}`, { method: "DELETE" }).catch((error) => say(error.message));
}

// ---- showing

function show(view, picture) {
  const first = view && !state.view;
  state.view = view;
  $("opening").hidden = Boolean(view);
  $("work").hidden = $("leave").hidden = !view;
  if (!view) {
    Object.assign(state, { session: null, socket: null, waiting: null, wanted: null, sought: null });
    history.replaceState(null, "", location.href.split("#")[0]);
    $("name").textContent = "";
    document.title = "Track";
    return;
  }
  if (first) {
    $("name").textContent = view.name;
    document.title = `${view.name} · Track`;
    stage.view = null;
    say("");
  }
  if (view.error) say(view.error);
  stage.show(view, picture, $("response").checked);
  const last = view.count === null ? Math.max(view.frame, ...view.lanes.map((lane) => lane.last)) : view.count - 1;
  $("scrub").max = last;
  if (state.wanted === null && [null, view.frame].includes(state.sought)) $("scrub").value = view.frame;
  $("frame").textContent = `${view.frame} of ${view.count === null ? "…" : last}`;
  $("play").textContent = view.playing ? "Pause" : "Play";
  $("back").disabled = view.frame === 0;
  $("step").disabled = view.count !== null && view.frame >= last;
  $("boxes").disabled = $("video").disabled = !view.lanes.length;
  $("hint").textContent = hint(view);
  showLanes(view);
  drawTimeline(view, last);
  if (state.sought !== null) {
    state.sought = null;
    if (state.wanted !== null) askForFrame();
  }
}

function hint(view) {
  if (!view.lanes.length) return "Drag a box around what is to be followed, then press Play.";
  if (view.playing) return "";
  if (view.lanes.every((lane) => !lane.row)) return "No box in this frame: draw one here, or go back to where they are.";
  return "Drag a box or one of its corners to correct it here; drag anywhere else for another target.";
}

function showLanes(view) {
  const list = $("lanes");
  const known = new Map([...list.children].map((item) => [Number(item.dataset.lane), item]));
  for (const lane of view.lanes) {
    const item = known.get(lane.id) ?? list.appendChild(laneItem(lane));
    known.delete(lane.id);
    item.querySelector("input").checked = lane.id === view.selected;
    const score = item.querySelector(".score");
    score.textContent = !lane.row ? "–" : lane.row.lost ? "lost" : lane.row.drawn ? "drawn" : lane.row.score === null ? "" : lane.row.score.toFixed(2);
    score.classList.toggle("lost", Boolean(lane.row?.lost));
  }
  for (const item of known.values()) item.remove();
}

function laneItem(lane) {
  const pick = element("input", { type: "radio", name: "lane", onchange: () => send({ do: "select", lane: lane.id }) });
  const label = element("label", { className: "check what" }, pick, `${lane.target} ${lane.tracker}`);
  const remove = element("button", { textContent: "×", title: `Remove ${lane.target} ${lane.tracker}` });
  remove.onclick = () => send({ do: "remove", lane: lane.id });
  const item = element("li", {}, label, element("span", { className: "score" }), remove);
  item.dataset.lane = lane.id;
  item.style.borderColor = css(lane.colour);
  return item;
}

// Where each lane has boxes: full height where it trusts them, thin where it is lost, a mark where one was drawn.
function drawTimeline(view, last) {
  const canvas = $("timeline");
  const [row, unit] = [7, devicePixelRatio];
  canvas.hidden = !view.lanes.length;
  if (canvas.hidden) return;
  canvas.style.height = `${view.lanes.length * (row + 2) + 2}px`;
  canvas.width = canvas.clientWidth * unit;
  canvas.height = canvas.clientHeight * unit;
  const pen = canvas.getContext("2d");
  const wide = canvas.width / (last + 1);
  view.lanes.forEach((lane, index) => {
    const top = (index * (row + 2) + 2) * unit;
    pen.fillStyle = css(lane.colour);
    for (const [from, to, lost] of lane.runs) {
      const part = lost ? 0.3 : 1;
      pen.fillRect(from * wide, top + (row * unit * (1 - part)) / 2, Math.max((to - from + 1) * wide, 1), row * unit * part);
    }
    pen.fillStyle = getComputedStyle(document.body).color;
    for (const frame of lane.drawn) pen.fillRect(frame * wide, top - unit, 2 * unit, (row + 2) * unit);
  });
  pen.fillStyle = getComputedStyle(document.body).color;
  pen.fillRect(view.frame * wide, 0, Math.max(unit, Math.min(wide, 2 * unit)), canvas.height);
}

// ---- controls

// One request at a time: while the slider moves, the newest place is asked for when the last one has come.
function seek(frame) {
  state.wanted = frame;
  if (state.sought === null) askForFrame();
}

function askForFrame() {
  state.sought = state.wanted;
  state.wanted = null;
  send({ do: "show", frame: state.sought });
}

async function download(address, button, busy) {
  const text = button.textContent;
  Object.assign(button, { disabled: true, textContent: busy });
  say("");
  try {
    const answer = await ask(address);
    const header = answer.headers.get("Content-Disposition") ?? "";
    const name = decodeURIComponent(header.split("UTF-8''")[1] ?? "track");
    const link = element("a", { href: URL.createObjectURL(await answer.blob()), download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  } catch (error) { say(error.message); }
  Object.assign(button, { disabled: false, textContent: text });
}

const api = () => `api/sessions/${encodeURIComponent(state.session)}`;
const toggle = () => send({ do: state.view?.playing ? "pause" : "play" });
const step = (by) => (by > 0 ? send({ do: "step" }) : send({ do: "show", frame: Math.max(state.view.frame - 1, 0) }));

$("play").onclick = toggle;
$("step").onclick = () => step(1);
$("back").onclick = () => step(-1);
$("scrub").oninput = () => seek(Number($("scrub").value));
$("leave").onclick = leave;
$("boxes").onclick = () => download(`${api()}/boxes?format=${encodeURIComponent($("format").value)}`, $("boxes"), "Writing …");
$("video").onclick = () => download(`${api()}/video`, $("video"), "Writing …");
$("response").onchange = () => { if (state.socket) send({ do: "select", lane: state.view.selected }); };
$("file").onchange = () => { if ($("file").files.length) upload($("file").files[0]); };

document.addEventListener("keydown", (event) => {
  if (!state.view || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, button")) return;
  const action = { " ": toggle, ArrowRight: () => step(1), ArrowLeft: () => step(-1),
    Delete: () => { if (state.view.selected !== null) send({ do: "remove", lane: state.view.selected }); } }[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop" && !state.view && event.dataTransfer.files.length) upload(event.dataTransfer.files[0]);
  });
}

offer().then(() => {
  const session = location.hash.slice(1);
  if (session) connect(session);
  else $("opening").hidden = false;
}).catch((error) => say(error.message));
