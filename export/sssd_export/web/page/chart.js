// The fan as SVG: history, nested intervals from the last known value on, the median, and some paths.

import { shortOf } from "./times.js";

const MARGIN = { left: 64, right: 14, top: 10, bottom: 40 };

// `history` and `ahead` hold { time, value }; a fan's rows are quantiles at `levels`, at `places`, bars after the last.
export function drawFan(box, { history, times, places, fan, levels, paths }) {
  const { width, height } = box.getBoundingClientRect();
  const last = history[history.length - 1];
  const values = [...history, ...fan.flat(), ...paths.flat()].filter(Number.isFinite);
  const pad = (Math.max(...values) - Math.min(...values) || Math.abs(last) || 1) * 0.05;
  const low = Math.min(...values) - pad, high = Math.max(...values) + pad;
  const first = 1 - history.length, end = places[places.length - 1];
  const x = (place) => MARGIN.left + ((place - first) / (end - first)) * (width - MARGIN.left - MARGIN.right);
  const y = (value) => MARGIN.top + ((high - value) / (high - low)) * (height - MARGIN.top - MARGIN.bottom);
  const points = (pairs) => pairs.map(([place, value]) => `${x(place).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const ahead = (row) => [[0, last], ...row.map((value, k) => [places[k], value])];
  const column = (level) => fan.map((row) => row[levels.indexOf(level)]);
  const marks = [
    ...valueTicks(low, high, height).flatMap(({ value, text }) => [
      element("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) }),
      element("text", { x: MARGIN.left - 8, y: y(value) + 4, "text-anchor": "end" }, text),
    ]),
    ...timeTicks(times, width).flatMap(({ at, lines }) => lines.map((text, row) => (
      element("text", { x: Math.min(x(first + at), width - 36), y: height - MARGIN.bottom + 18 + 14 * row, "text-anchor": "middle" }, text)
    ))),
    ...[[0.05, 0.95, 90], [0.1, 0.9, 80], [0.25, 0.75, 50]].map(([from, to, share]) => (
      element("polygon", { class: `band band-${share}`, points: points([...ahead(column(from)), ...ahead(column(to)).reverse()]) })
    )),
    ...paths.map((path) => element("polyline", { class: "path", points: points(ahead(path)) })),
    element("line", { class: "now", x1: x(0), x2: x(0), y1: MARGIN.top, y2: height - MARGIN.bottom }),
    ...lines(history.map((value, at) => [first + at, value])).map((line) => element("polyline", { class: "history", points: points(line) })),
    element("polyline", { class: "median", points: points(ahead(column(0.5))) }),
  ];
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}` });
  svg.append(...marks);
  box.replaceChildren(svg);
}

function element(name, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  made.textContent = text;
  return made;
}

// Stretches without a missing value.
function lines(pairs) {
  const found = [[]];
  pairs.forEach((pair) => (Number.isFinite(pair[1]) ? found[found.length - 1].push(pair) : found.push([])));
  return found.filter((line) => line.length);
}

// Round numbers, some 60 pixels apart.
function valueTicks(low, high, height) {
  const rough = (high - low) / Math.max(2, height / 60);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
  const places = Math.min(12, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  const made = [];
  for (let at = Math.ceil(low / step); at * step <= high; at++) made.push({ value: at * step, text: (at * step).toFixed(places) });
  return made;
}

// Dates, or clocks with the date below the first of each day, some 90 pixels apart.
function timeTicks(times, width) {
  const every = Math.max(1, Math.ceil(times.length / Math.max(2, (width - MARGIN.left) / 90)));
  const days = times.every((time) => time % 86400 === 0);
  let before = "";
  return times.flatMap((time, at) => {
    if ((times.length - 1 - at) % every || at < every / 3) return [];
    const [date, clock] = shortOf(time, days).split(" ");
    const shown = date === before || days ? [] : [date];
    before = date;
    return [{ at, lines: days ? [date] : [clock, ...shown] }];
  });
}
