// The frame on a canvas: boxes, response map, and the pointer that draws and corrects boxes.

const CORNERS = [[0, 0], [1, 0], [0, 1], [1, 1]];
const STOPS = [[0, 0, 0], [40, 50, 150], [20, 160, 190], [120, 210, 60], [245, 180, 30], [200, 20, 20]];

export const css = (colour) => `rgb(${colour.join(" ")})`;

// 256 colours for the response map, the low ones clear.
const LEVELS = Uint8ClampedArray.from({ length: 256 * 4 }, (_, index) => {
  const [level, channel] = [index >> 2, index & 3];
  if (channel === 3) return Math.min(200, level * 1.6);
  const place = (level / 256) * (STOPS.length - 1);
  const [low, part] = [Math.floor(place), place % 1];
  return STOPS[low][channel] * (1 - part) + STOPS[low + 1][channel] * part;
});

function responseImage({ shape: [rows, columns], levels }) {
  const bytes = Uint8Array.from(atob(levels), (letter) => letter.charCodeAt(0));
  const image = new ImageData(columns, rows);
  bytes.forEach((level, cell) => image.data.set(LEVELS.subarray(level * 4, level * 4 + 4), cell * 4));
  const canvas = new OffscreenCanvas(columns, rows);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

export class Stage {
  // `on` has draw(bbox), correct(lane, bbox), select(lane) and touch(), called as the pointer goes down.
  constructor(canvas, on) {
    Object.assign(this, { canvas, on, view: null, picture: null, selected: null, response: null, drag: null });
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", () => this.cancel());
    new ResizeObserver(() => this.fit()).observe(canvas.parentElement);
  }

  show(view, picture, withResponse) {
    const resized = !this.view || view.width !== this.view.width || view.height !== this.view.height;
    this.picture?.close();
    Object.assign(this, { view, picture, selected: view.selected });
    this.response = withResponse && view.response ? responseImage(view.response) : null;
    if (resized) this.fit();
    this.draw();
  }

  fit() {
    if (!this.view) return;
    const { width, height } = this.view;
    const wide = Math.min(this.canvas.parentElement.clientWidth, (window.innerHeight * 0.68 * width) / height);
    this.canvas.style.width = `${Math.max(1, Math.floor(wide))}px`;
    this.canvas.style.height = `${Math.max(1, Math.floor((wide * height) / width))}px`;
    this.canvas.width = Math.round(wide * devicePixelRatio);
    this.canvas.height = Math.round(((wide * height) / width) * devicePixelRatio);
    this.draw();
  }

  get scale() { return this.canvas.width / this.view.width; }

  draw() {
    if (!this.picture) return;
    this.tags = [];
    const pen = this.canvas.getContext("2d");
    pen.drawImage(this.picture, 0, 0, this.canvas.width, this.canvas.height);
    if (this.response) {
      const [x, y, w, h] = this.view.response.bbox.map((value) => value * this.scale);
      pen.globalAlpha = 0.75;
      pen.drawImage(this.response, x, y, w, h);
      pen.globalAlpha = 1;
    }
    for (const lane of this.view.lanes) {
      const dragged = this.drag?.lane === lane.id ? this.drag.bbox : null;
      if (lane.row || dragged) this.box(pen, dragged ?? lane.row.bbox, lane, lane.id === this.selected);
    }
    if (this.drag?.lane === null && this.drag.bbox) this.box(pen, this.drag.bbox, null, false);
  }

  box(pen, bbox, lane, selected) {
    const unit = devicePixelRatio;
    const [x, y, w, h] = bbox.map((value) => value * this.scale);
    const colour = lane ? css(lane.colour) : "white";
    pen.setLineDash(lane?.row?.lost ? [6 * unit, 5 * unit] : []);
    for (const [ink, thick] of [["rgb(0 0 0 / 65%)", 4.5], [colour, 2.2]]) {
      pen.strokeStyle = ink;
      pen.lineWidth = thick * unit;
      pen.strokeRect(x, y, w, h);
    }
    pen.setLineDash([]);
    if (!lane) return;
    if (selected) {
      for (const [right, bottom] of CORNERS) {
        pen.fillStyle = colour;
        pen.strokeStyle = "black";
        pen.lineWidth = unit;
        const place = [x + right * w - 4 * unit, y + bottom * h - 4 * unit, 8 * unit, 8 * unit];
        pen.fillRect(...place);
        pen.strokeRect(...place);
      }
    }
    this.tag(pen, `${lane.target} ${lane.tracker}${lane.row?.lost ? " lost" : ""}`, x, y, colour);
  }

  tag(pen, text, x, y, colour) {
    const unit = devicePixelRatio;
    pen.font = `600 ${12 * unit}px system-ui, sans-serif`;
    const wide = pen.measureText(text).width + 8 * unit;
    const left = Math.min(Math.max(x, 0), this.canvas.width - wide);
    let top = Math.max(y - 20 * unit, 0);
    const covers = (other) => left < other[0] + other[2] && other[0] < left + wide && Math.abs(top - other[1]) < 17 * unit;
    while (this.tags.some(covers)) top += (y > 60 * unit ? -17 : 17) * unit;
    this.tags.push([left, top, wide]);
    pen.fillStyle = "rgb(0 0 0 / 75%)";
    pen.fillRect(left, top, wide, 17 * unit);
    pen.fillStyle = colour;
    pen.fillText(text, left + 4 * unit, top + 13 * unit);
  }

  // Pointer position in pixels of the frame.
  place(event) {
    const area = this.canvas.getBoundingClientRect();
    const inside = (value, size) => Math.min(Math.max(value, 0), size);
    return [inside(((event.clientX - area.left) / area.width) * this.view.width, this.view.width),
      inside(((event.clientY - area.top) / area.height) * this.view.height, this.view.height)];
  }

  // What lies under the pointer: a corner of the selected box, a box, or nothing.
  find([px, py], touch) {
    const near = ((touch ? 22 : 10) * devicePixelRatio) / this.scale;
    const lanes = this.view.lanes.filter((lane) => lane.row).reverse();
    lanes.sort((one, other) => (other.id === this.selected) - (one.id === this.selected));
    for (const lane of lanes.filter((one) => one.id === this.selected)) {
      const [x, y, w, h] = lane.row.bbox;
      const reach = Math.min(near, w / 3, h / 3);
      const corner = CORNERS.find(([right, bottom]) => Math.hypot(x + right * w - px, y + bottom * h - py) < Math.max(reach, near / 2));
      if (corner) return { lane, corner };
    }
    const lane = lanes.find(({ row: { bbox: [x, y, w, h] } }) => px >= x && px <= x + w && py >= y && py <= y + h);
    return { lane, corner: null };
  }

  down(event) {
    if (!this.view || event.button) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.on.touch();
    const start = this.place(event);
    const { lane, corner } = this.find(start, event.pointerType === "touch");
    this.drag = { start, corner, lane: lane?.id ?? null, from: lane?.row.bbox, bbox: null };
  }

  move(event) {
    if (!this.view) return;
    const at = this.place(event);
    if (!this.drag) {
      const { lane, corner } = this.find(at, false);
      this.canvas.style.cursor = corner ? (corner[0] === corner[1] ? "nwse-resize" : "nesw-resize") : lane ? "move" : "crosshair";
      return;
    }
    const { start, corner, from } = this.drag;
    const far = (Math.hypot(at[0] - start[0], at[1] - start[1]) * this.scale) / devicePixelRatio;
    if (!this.drag.bbox && far < 4) return;
    if (!from) this.drag.bbox = between(start, at);
    else if (!corner) this.drag.bbox = [from[0] + at[0] - start[0], from[1] + at[1] - start[1], from[2], from[3]];
    else {
      const fixed = [from[0] + (1 - corner[0]) * from[2], from[1] + (1 - corner[1]) * from[3]];
      this.drag.bbox = between(fixed, at);
    }
    this.draw();
  }

  up() {
    const drag = this.drag;
    this.drag = null;
    if (!drag) return;
    if (!drag.bbox) this.on.select(drag.lane);
    else if (Math.min(drag.bbox[2], drag.bbox[3]) >= 2) {
      if (drag.lane === null) this.on.draw(drag.bbox);
      else this.on.correct(drag.lane, drag.bbox);
    }
    this.draw();
  }

  cancel() {
    this.drag = null;
    this.draw();
  }
}

function between([ax, ay], [bx, by]) {
  return [Math.min(ax, bx), Math.min(ay, by), Math.abs(ax - bx), Math.abs(ay - by)];
}
