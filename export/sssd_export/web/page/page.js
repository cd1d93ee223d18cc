// The page: a file comes in, its last window is forecast, and fan, table and files are made of the samples.

import * as ort from "./vendor/ort.wasm.bundle.min.mjs";
import { drawFan } from "./chart.js";
import { DataError } from "./csv.js";
import { LEVELS, forecast, openEngine, readText } from "./forecast.js";
import { DAY, lengthOf } from "./bars.js";
import { knownColumns } from "./known.js";
import { isoOf, shortOf } from "./times.js";

const $ = (id) => document.getElementById(id);
const PATHS = 20;
const state = { engine: null, file: null, made: null };

async function read(name) {
  const answer = await fetch(`engine/${name}`);
  if (!answer.ok) throw new Error(`engine/${name} is not there (${answer.status})`);
  return answer.arrayBuffer();
}

async function start() {
  ort.env.wasm.numThreads = 1; // more would need headers that not every server sends
  ort.env.wasm.wasmPaths = { wasm: new URL("vendor/ort-wasm-simd-threaded.wasm", import.meta.url).href };
  state.engine = await openEngine(ort, read);
  const { spec, horizons, name, num_samples: samples, scheduler, num_calls: calls, network_in_use: inUse } = {
    ...state.engine.manifest, name: (await (await fetch("page.json")).json()).name,
  };
  const { seconds } = spec.timeframes[0];
  document.title = `${name}: forecasts`;
  $("name").textContent = name;
  $("about").textContent = `Forecasts ${spec.targets.join(", ")}, ${numbers(horizons)} bars of ${lengthOf(seconds)} ahead; `
    + (inUse ? `${scheduler}, ${calls} network calls.` : "in closed form.");
  $("wanted").textContent = `A header, then rows ${lengthOf(spec.step_seconds || spec.source_seconds)} apart. Columns: `
    + `${[spec.time, ...(spec.id === null ? [] : [spec.id]), ...spec.columns, ...knownColumns(spec)].join(", ")}. `
    + (spec.known?.length ? `Rows to be forecast have ${knownColumns(spec).join(", ")}, and ${spec.columns.join(", ")} left empty. ` : "")
    + `A window takes the last ${spec.timeframes.map((one) => `${one.lookback} bars of ${lengthOf(one.seconds)}`).join(", ")}.`;
  $("samples").value = samples;
  fill("target", spec.targets);
  $("file").disabled = false;
  say("");
  listen();
  document.documentElement.dataset.ready = "yes";
}

const numbers = (list) => (list.length > 8 ? `${list.slice(0, 3).join(", ")}, … ${list.at(-1)}` : list.join(", "));

function listen() {
  $("file").addEventListener("click", () => ($("file").value = "")); // so that a file that was mended can be chosen again
  $("file").addEventListener("change", () => $("file").files.length && open($("file").files[0]));
  const drop = $("drop");
  ["dragover", "dragleave", "drop"].forEach((kind) => document.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
  }));
  $("controls").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  $("series").addEventListener("change", run);
  $("target").addEventListener("change", show);
  $("show-paths").addEventListener("change", show);
  new ResizeObserver(() => state.made && drawChart()).observe($("fan"));
  $("save-quantiles").addEventListener("click", () => save("forecast.csv", quantileRows()));
  $("save-paths").addEventListener("click", () => save("paths.csv", pathRows()));
}

function fill(id, names) {
  $(id).replaceChildren(...names.map((name, at) => new Option(name, at)));
  $(`${id}-label`).hidden = names.length < 2;
}

function say(text) {
  $("status").textContent = text;
}

function complain(text) {
  $("error").hidden = !text;
  $("error").textContent = text;
}

async function open(file) {
  state.made = null;
  $("result").hidden = $("controls").hidden = true;
  complain("");
  say(`Reading ${file.name}`);
  await attempt(async () => {
    state.file = { name: file.name, ...readText(await file.text(), state.engine.manifest) };
    fill("series", state.file.series.map((one) => one.id));
    $("controls").hidden = false;
    await run();
  }, `${file.name}: `);
}

async function run() {
  if (!$("controls").reportValidity()) return;
  complain("");
  say("Forecasting");
  await new Promise((done) => setTimeout(done, 20)); // so that the word is seen
  await attempt(async () => {
    const begun = performance.now();
    const series = state.file.series[Number($("series").value)];
    const asked = { samples: Number($("samples").value), seed: Number($("seed").value) };
    state.made = await forecast(state.engine, series, asked);
    const taken = Math.round(performance.now() - begun);
    show();
    const leftOut = state.file.leftOut.length ? ` Left out: ${state.file.leftOut.slice(0, 3).join("; ")}` : "";
    say(`${state.file.name}: ${series.times.length.toLocaleString("en")} bars; ${asked.samples} samples in ${taken} ms.${leftOut}`);
  });
}

// What is wrong with a file is told; anything else is told as what it is, and goes to the console.
async function attempt(action, before = "") {
  try {
    await action();
  } catch (error) {
    say("");
    complain(before + (error instanceof DataError ? error.message : `the engine cannot run here: ${String(error.message ?? error).split("\n")[0]}`));
    if (!(error instanceof DataError)) console.error(error);
  }
}

const shown = (time) => shortOf(time, state.engine.manifest.spec.bar_seconds % DAY === 0);
const chosen = () => Number($("target").value);
const label = () => {
  const { spec } = state.engine.manifest;
  const name = spec.targets[chosen()] + (spec.target_kind === "log-return" ? ", log-return since the origin" : "");
  return state.made.series.id ? `${state.made.series.id}: ${name}` : name;
};

function show() {
  const { steps, series } = state.made;
  $("result").hidden = false;
  $("title").textContent = `${label()}, after ${shown(series.times.at(-1))} UTC`;
  $("legend").lastElementChild.hidden = !$("show-paths").checked;
  drawChart();
  drawTable();
  document.documentElement.dataset.shown = String(steps.length);
}

function drawChart() {
  const { series, steps, horizons, paths } = state.made, { spec } = state.engine.manifest;
  const length = Math.min(series.times.length, Math.max(24, Math.min(72, 4 * steps.length)));
  const levels = series.values.slice(-length).map((row) => row[spec.columns.indexOf(spec.targets[chosen()])]);
  const last = levels.findLast((value) => !Number.isNaN(value));
  drawFan($("fan"), {
    history: spec.target_kind === "log-return" ? levels.map((level) => Math.log(level / last)) : [...levels.slice(0, -1), last],
    times: [...series.times.slice(-length), ...steps],
    places: horizons,
    levels: LEVELS,
    fan: horizons.map((_, k) => paths.quantiles(k, chosen())),
    paths: $("show-paths").checked
      ? Array.from({ length: Math.min(PATHS, paths.samples) }, (_, s) => horizons.map((_, k) => paths.at(s, k, chosen())))
      : [],
  });
}

function drawTable() {
  const { horizons, times, paths } = state.made;
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  ["bars", "time, UTC", ...LEVELS.map((level) => `${Math.round(100 * level)} %`), "mean"].forEach((text) => {
    const cell = head.appendChild(document.createElement("th"));
    Object.assign(cell, { scope: "col", textContent: text });
  });
  const body = table.createTBody();
  const rows = horizons.map((_, k) => [...paths.quantiles(k, chosen()), paths.mean(k, chosen())]);
  const spread = Math.min(...rows.map((row) => row.at(-2) - row[0]).filter((width) => width > 0), Infinity);
  const places = Number.isFinite(spread) ? Math.min(12, Math.max(0, 2 - Math.floor(Math.log10(spread)))) : 6;
  horizons.forEach((horizon, k) => {
    const line = body.insertRow();
    [horizon, shown(times[k]), ...rows[k].map((value) => value.toFixed(places))].forEach((text, at) => {
      const cell = line.insertCell();
      cell.textContent = text;
      if (at === 2 + LEVELS.indexOf(0.5)) cell.className = "middle";
    });
  });
  $("table").replaceChildren(table);
}

// As `sssd forecast` writes them.
function quantileRows() {
  const { spec } = state.engine.manifest, { horizons, times, paths } = state.made;
  const rows = horizons.flatMap((horizon, k) => spec.targets.map((target, c) => (
    [...key(), horizon, isoOf(times[k]), target, paths.mean(k, c), ...paths.quantiles(k, c)]
  )));
  return [[...keyNames(), "horizon", spec.time, "target", "mean", ...LEVELS], ...rows];
}

function pathRows() {
  const { spec } = state.engine.manifest, { horizons, times, paths } = state.made;
  const rows = Array.from({ length: paths.samples }, (_, s) => horizons.flatMap((horizon, k) => spec.targets.map((target, c) => (
    [...key(), s, horizon, isoOf(times[k]), target, paths.at(s, k, c)]
  )))).flat();
  return [[...keyNames(), "sample", "horizon", spec.time, "target", "value"], ...rows];
}

const keyNames = () => [...(state.engine.manifest.spec.id === null ? [] : [state.engine.manifest.spec.id]), "origin"];
const key = () => [...(state.engine.manifest.spec.id === null ? [] : [state.made.series.id]), isoOf(state.made.series.times.at(-1))];

function save(name, rows) {
  const field = (value) => (/[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([rows.map((row) => row.map(field).join(",")).join("\n") + "\n"], { type: "text/csv" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

start().catch((error) => {
  say("");
  complain(`the engine cannot be opened here: ${String(error.message ?? error).split("\n")[0]}`);
  console.error(error);
});
