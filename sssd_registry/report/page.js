"use strict";
// Draws what the page holds. Everything is read from the element #content; nothing is fetched.
const content = JSON.parse(document.getElementById("content").textContent);
const $ = (id) => document.getElementById(id);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const FORECASTERS = { model: "fan", "random walk": "walk", "seasonal naive": "season" };
const DASHES = { model: "solid", "random walk": "dash", "seasonal naive": "dot" };
const state = { series: 0, target: 0, origin: 0, paths: true, horizon: -1 };

// Pieces of pages

function fillSelect(id, names, chosen) {
  const menu = $(id);
  names.forEach((name, index) => menu.add(new Option(name, index)));
  menu.value = chosen;
}

function table(id, heads, rows, className = "") {
  const made = document.createElement("table");
  made.className = className;
  const headRow = made.createTHead().insertRow();
  heads.forEach((text) => {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = text;
    headRow.append(cell);
  });
  const body = made.createTBody();
  rows.forEach((row) => {
    const line = body.insertRow();
    row.forEach((text) => (line.insertCell().textContent = text ?? "–"));
  });
  $(id).replaceChildren(made);
  Object.assign($(id), { tabIndex: 0, role: "group" }); // scrolls by keys
}

function draw(id, traces, layout) {
  const narrow = window.innerWidth < 480;
  const axis = { gridcolor: colour("line"), zerolinecolor: colour("line"), automargin: true, fixedrange: narrow };
  const whole = {
    paper_bgcolor: colour("paper"), plot_bgcolor: colour("paper"), font: { color: colour("ink"), size: narrow ? 11 : 13 },
    margin: { l: 48, r: 12, t: 12, b: 40 }, hovermode: "x unified", hoverlabel: { bgcolor: colour("wash") },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, ...layout,
    xaxis: { ...axis, ...layout.xaxis }, yaxis: { ...axis, ...layout.yaxis },
  };
  Plotly.react($(id), traces, whole, { displayModeBar: false, responsive: true });
}

const percent = (share) => (100 * share).toFixed(1) + " %";
const plusMinus = (value, range) => (range == null ? String(value) : value + " ± " + Number(range.toPrecision(2)));

// Forecasts

const fansOfSeries = () => content.fans.filter((fan) => fan.series === content.series[state.series]);
const chosenFan = () => fansOfSeries()[state.origin];

function band(times, low, high, alpha, name) {
  const fill = `rgba(${colour("fan-rgb")}, ${alpha})`;
  const shared = { x: times, mode: "lines", line: { width: 0 }, hoverinfo: "skip" };
  return [
    { ...shared, y: low, showlegend: false },
    { ...shared, y: high, fill: "tonexty", fillcolor: fill, name },
  ];
}

function drawFan() {
  const fan = chosenFan(), one = fan.targets[state.target];
  const last = one.history[one.history.length - 1], origin = fan.past[fan.past.length - 1];
  const times = [origin, ...fan.times];
  const at = (level) => [last, ...one.fan[content.levels.indexOf(level)]];
  const traces = [
    ...band(times, at(0.05), at(0.95), 0.18, "90 % interval"),
    ...band(times, at(0.1), at(0.9), 0.2, "80 % interval"),
    ...band(times, at(0.25), at(0.75), 0.3, "50 % interval"),
  ];
  if (state.paths) {
    one.paths.forEach((path, index) => traces.push({
      x: times, y: [last, ...path], mode: "lines", name: "sample paths", showlegend: index === 0, legendgroup: "paths",
      line: { color: colour("fan"), width: 0.7 }, opacity: 0.55, hoverinfo: "skip",
    }));
  }
  traces.push(
    { x: fan.past, y: one.history, mode: "lines", name: "history", line: { color: colour("ink"), width: 1.5 } },
    { x: times, y: at(0.5), mode: "lines", name: "median", line: { color: colour("fan"), width: 2.5 } },
    { x: times, y: [last, ...one.actual], mode: "lines+markers", name: "what happened",
      line: { color: colour("actual"), width: 2, dash: "dash" }, marker: { symbol: "diamond", size: 6 } },
  );
  draw("fan", traces, { yaxis: { title: { text: content.unit || content.targets[state.target] } }, xaxis: { type: "date" } });
  const shown = origin.replace("T", " ") + " UTC";
  $("origin-time").textContent = shown;
  $("origin").setAttribute("aria-valuetext", shown);
  const heads = ["horizon", "time, UTC", ...content.levels.map((level) => Math.round(100 * level) + " %"), "happened"];
  table("fan-table", heads, content.horizons.map((horizon, k) => [
    horizon, fan.times[k].replace("T", " "), ...one.fan.map((row) => row[k]), one.actual[k],
  ]));
  drawFunctionals(one);
}

function drawFunctionals(one) {
  const names = Object.keys(one.functionals);
  $("paths").hidden = names.length === 0;
  if (!names.length) return;
  const numbers = Object.values(one.functionals);
  const column = (k) => numbers.map((row) => row[k]);
  draw("functionals", [
    { type: "box", y: names, lowerfence: column(0), q1: column(1), median: column(2), q3: column(3), upperfence: column(4),
      orientation: "h", name: "over the paths", line: { color: colour("fan") }, fillcolor: `rgba(${colour("fan-rgb")}, .25)` },
    { type: "scatter", mode: "markers", y: names, x: column(5), name: "what happened",
      marker: { color: colour("actual"), symbol: "diamond", size: 11 } },
  ], { hovermode: "closest", yaxis: { autorange: "reversed", type: "category" } });
}

// Scores

// Scores of all targets together come first, where there are several.
const part = () => state.target + content.parts.length - content.targets.length;
const horizonAxis = () => ({ title: { text: "horizon, bars" }, type: "category" });
const horizonNames = () => content.horizons.map(String);

function drawScores() {
  const rows = content.crps[part()];
  const names = Object.keys(rows);
  draw("crps", names.map((name) => ({
    x: horizonNames(), y: rows[name].mean, name, mode: "lines+markers",
    line: { color: colour(FORECASTERS[name] ?? "ink"), dash: DASHES[name] ?? "solid" },
    error_y: { type: "data", array: rows[name].range.map((range) => range ?? 0), thickness: 1, width: 3 },
  })), { scattermode: "group", scattergap: 0.7, xaxis: horizonAxis(), yaxis: { title: { text: "CRPS of " + content.parts[part()] }, rangemode: "tozero" } });
  const rivals = names.filter((name) => rows[name].share);
  table("crps-table", ["horizon", ...names, ...rivals.map((name) => "model / " + name)], content.horizons.map((horizon, k) => [
    horizon, ...names.map((name) => plusMinus(rows[name].mean[k], rows[name].range[k])),
    ...rivals.map((name) => plusMinus(rows[name].share[k], rows[name].share_range[k])),
  ]));
}

// Calibration

function drawPit() {
  const one = content.calibration[part()];
  const shares = state.horizon < 0 ? one.pooled_pit : one.pit[state.horizon];
  const [low, high] = state.horizon < 0 ? one.pooled_pit_band : one.pit_band[state.horizon];
  const middles = shares.map((_, index) => (index + 0.5) / shares.length);
  draw("pit", [{ type: "bar", x: middles, y: shares, width: 0.096, name: "share", marker: { color: `rgba(${colour("fan-rgb")}, .75)` } }], {
    xaxis: { range: [0, 1], title: { text: "PIT of " + content.parts[part()] } }, yaxis: { rangemode: "tozero", title: { text: "share" } },
    showlegend: false,
    shapes: [
      { type: "rect", x0: 0, x1: 1, y0: low, y1: high, fillcolor: colour("band"), line: { width: 0 }, layer: "below" },
      ...[[low, "solid"], [0.1, "dot"], [high, "solid"]].map(([y, dash]) => (
        { type: "line", x0: 0, x1: 1, y0: y, y1: y, line: { color: colour("ink"), dash, width: 1 } }
      )),
    ],
  });
}

function drawCoverage() {
  const one = content.calibration[part()];
  const colours = ["fan", "season", "actual"];
  const traces = Object.entries(one.coverage).flatMap(([level, shares], index) => {
    const [low, high] = [0, 1].map((end) => one.coverage_band[level].map((range) => range[end]));
    return [
      { type: "bar", x: horizonNames(), y: high.map((top, k) => top - low[k]), base: low, marker: { color: colour("band") },
        name: "chance", legendgroup: "chance", showlegend: index === 0, hoverinfo: "skip" },
      { x: horizonNames(), y: shares, mode: "lines+markers", name: percent(Number(level)).replace(".0", "") + " interval",
        line: { color: colour(colours[index]) } },
    ];
  });
  const levels = Object.keys(one.coverage);
  draw("coverage", traces, {
    barmode: "overlay", xaxis: horizonAxis(),
    yaxis: { range: [0, 1.02], tickformat: ".0%", title: { text: "within the interval" } },
    shapes: levels.map((level, index) => ({
      type: "line", xref: "paper", x0: 0, x1: 1, y0: Number(level), y1: Number(level),
      line: { color: colour(colours[index]), width: 1, dash: "dot" },
    })),
  });
  const heads = levels.flatMap((level) => [percent(Number(level)) + " interval", "chance"]);
  table("calibration-table", ["horizon", ...heads], content.horizons.map((horizon, k) => [
    horizon, ...levels.flatMap((level) => [percent(one.coverage[level][k]), one.coverage_band[level][k].map(percent).join(" to ")]),
  ]));
}

// Time and score

function drawFront() {
  if (!content.front) {
    $("front").hidden = $("to-front").hidden = true;
    return;
  }
  const points = [...content.front.points].sort((a, b) => a.milliseconds - b.milliseconds);
  const trace = (some, extra) => ({ x: some.map((p) => p.milliseconds), y: some.map((p) => p.crps), text: some.map((p) => p.label), ...extra });
  draw("front-chart", [
    trace(points.filter((p) => !p.front), { mode: "markers", name: "others", marker: { color: colour("faint") } }),
    trace(points.filter((p) => p.front), { mode: "lines+markers", name: "none is faster and better", line: { shape: "hv", color: colour("fan") } }),
  ], { hovermode: "closest", xaxis: { type: "log", title: { text: "milliseconds" } }, yaxis: { title: { text: "CRPS" } } });
  table("front-table", ["what", "ms", "CRPS", "front"], points.map((p) => [p.label, p.milliseconds.toFixed(2), p.crps.toFixed(5), p.front ? "•" : ""]));
}

// Data

function drawHistory() {
  const whole = content.data.pictures[state.series], one = whole.targets[state.target];
  const line = { color: colour("ink"), width: 1 };
  const traces = one.high
    ? [{ x: whole.times, y: one.low, mode: "lines", line, name: "lowest" },
       { x: whole.times, y: one.high, mode: "lines", line, fill: "tonexty", fillcolor: colour("band"), name: "highest" }]
    : [{ x: whole.times, y: one.low, mode: "lines", line, name: content.targets[state.target] }];
  const marks = ["validation", "test"].map((name, index) => ({ name, at: content.data.split[index] })).filter((mark) => mark.at);
  draw("history", traces, {
    xaxis: { type: "date" }, yaxis: { title: { text: content.targets[state.target] } }, showlegend: false, margin: { l: 48, r: 12, t: 28, b: 40 },
    shapes: marks.map((mark) => ({ type: "line", x0: mark.at, x1: mark.at, yref: "paper", y0: 0, y1: 1, line: { color: colour("actual"), dash: "dash", width: 1.5 } })),
    annotations: marks.map((mark) => ({ x: mark.at, yref: "paper", y: 1, yanchor: "bottom", text: mark.name, showarrow: false, font: { color: colour("actual") } })),
  });
  $("history-note").textContent = `${whole.bars.toLocaleString("en")} bars` + (one.high ? `, drawn as lowest and highest of ${whole.times.length} stretches` : "");
}

function fillTables() {
  table("score-table", ["score", ...content.scores.names], content.scores.rows);
  const heads = ["target", "functional", ...content.scores.names.map((name) => "CRPS, " + name), "in 50 %", "in 90 %"];
  table("functional-table", heads, content.functionals);
  table("column-table", ["column", "use", "missing", "lowest", "median", "highest"], content.data.columns);
  $("gap-summary").textContent = content.data.gaps ? `${content.data.gaps.toLocaleString("en")} gaps, the longest first` : "No gaps";
  table("gap-table", ["series", "from", "to", "length"], content.data.longest_gaps.map((gap) => gap.map((text) => text.replace("T", " "))));
  table("setting-table", ["setting", "value"], content.settings, "text");
}

// State

function limitOrigin() {
  const count = fansOfSeries().length;
  $("origin").max = count - 1;
  state.origin = Math.min(state.origin, count - 1);
  $("origin").value = state.origin;
}

function drawAll() {
  limitOrigin();
  [drawFan, drawScores, drawPit, drawCoverage, drawFront, drawHistory].forEach((one) => one());
}

function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  $("theme").setAttribute("aria-pressed", String(dark));
  drawAll();
}

function start() {
  $("name").textContent = content.name;
  $("windows").textContent = content.windows;
  $("left-out").textContent = content.left_out;
  $("summary").textContent = content.summary;
  $("series-label").hidden = content.series.length < 2;
  fillSelect("series", content.series, 0);
  fillSelect("target", content.targets, 0);
  fillSelect("pit-horizon", [], 0);
  [["all horizons", -1], ...content.horizons.map((horizon, k) => ["horizon " + horizon, k])]
    .forEach(([name, value]) => $("pit-horizon").add(new Option(name, value)));
  fillTables();
  const listen = (id, event, change) => $(id).addEventListener(event, (e) => change(e.target));
  listen("series", "change", (menu) => { state.series = Number(menu.value); drawAll(); });
  listen("target", "change", (menu) => { state.target = Number(menu.value); drawAll(); });
  listen("origin", "input", (slider) => { state.origin = Number(slider.value); drawFan(); });
  listen("show-paths", "change", (box) => { state.paths = box.checked; drawFan(); });
  listen("pit-horizon", "change", (menu) => { state.horizon = Number(menu.value); drawPit(); });
  listen("theme", "click", () => setTheme(document.documentElement.dataset.theme !== "dark"));
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", (now) => setTheme(now.matches));
  setTheme(dark.matches);
  document.documentElement.dataset.ready = "yes";
}

start();
