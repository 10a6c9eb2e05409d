"use strict";
// What is on view, behind the # of the address: every view has a link of its own, and Back goes to the one before.

const defaults = Object.fromEntries(Object.keys(changes).filter(byId).map((id) => [id, byId(id).value]));
let waiting = 0;

function currentAddress() {
  const view = new URLSearchParams();
  for (const [id, usual] of Object.entries(defaults)) if (byId(id).value !== usual) view.set(id, byId(id).value);
  if (byId("viewer").open) {
    view.set("sequence", shown.name);
    view.set("frame", shown.frame + 1);
  }
  return `#${view}`;
}

const withoutFrame = (address) => address.replace(/[&#]frame=\d+/, "");

/** A new view is a step of the history; another frame of the same is none. */
function remember() {
  clearTimeout(waiting);
  const address = currentAddress();
  if (withoutFrame(address) !== withoutFrame(location.hash || "#")) history.pushState(null, "", address);
  else if (address !== location.hash) history.replaceState(null, "", address);
}

/** The frame goes into the address when it stays for a moment: browsers allow few changes a second. */
function keepAddress() {
  clearTimeout(waiting);
  if (!playing) waiting = setTimeout(remember, 300);
}

function restore() {
  const view = new URLSearchParams(location.hash.slice(1));
  for (const [id, usual] of Object.entries(defaults)) {
    byId(id).value = view.get(id) ?? usual;
    if (byId(id).selectedIndex < 0) byId(id).value = usual; // a link of another report
  }
  showAll();
  const [name, frame] = [view.get("sequence"), Math.max(Number(view.get("frame")) - 1, 0)];
  if (!Object.hasOwn(REPORT.files, name)) byId("viewer").close();
  else if (byId("viewer").open && shown.name === name) goTo(frame);
  else openSequence(name, frame);
}

window.addEventListener("popstate", restore);
restore();
