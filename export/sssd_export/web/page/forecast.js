// From a file to a forecast: the last window of each series, the engine's graphs, and what is read off the samples.

import { DataError, readCsv, shown } from "./csv.js";
import { lengthOf, readSeries, resample, rolesOf, upTo } from "./bars.js";
import { textNumber } from "./blake2b.js";
import { knownColumns } from "./known.js";
import { futureTimes } from "./calendar.js";
import { drawNoise } from "./noise.js";

const ARRAYS = { float64: Float64Array, float32: Float32Array, int64: BigInt64Array };
// Of targets, in a window: less says nothing of it.
const LEAST_OBSERVED = 0.05;
export const LEVELS = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95];

// An engine: its manifest, and a session of ONNX Runtime for each part. `read` gives a file's bytes by its name.
export async function openEngine(ort, read) {
  const manifest = JSON.parse(new TextDecoder().decode(await read("manifest.json")));
  const options = {
    executionProviders: ["wasm"],
    logSeverityLevel: 4,
    // It takes a float64 number for 0 where, as a float32, it is: a guard of 1e-300 would be gone.
    extra: { optimization: { disable_specified_optimizers: "NoopElimination" } },
  };
  const parts = [];
  for (const part of manifest.parts) {
    const session = await ort.InferenceSession.create(new Uint8Array(await read(part.graph)), options);
    parts.push({ session, inputs: session.inputNames });
  }
  return { ort, manifest, parts };
}

// Series of a file's text that have a whole window, and why the others have none.
export function readText(text, manifest) {
  const { spec } = manifest;
  const all = readSeries(readCsv(text), spec).map((series) => ({ series, lacks: whatLacks(series, manifest) }));
  const series = all.filter((one) => !one.lacks).map((one) => one.series);
  const leftOut = all.filter((one) => one.lacks).map((one) => `${one.series.id ? `series ${shown(one.series.id)}: ` : ""}${one.lacks}`);
  if (!series.length) throw new DataError(leftOut[0]);
  return { series, leftOut };
}

// The last complete bars of a timeframe, of one moment in all: known when the base's last bar ended.
function lastBars(series, timeframe, spec) {
  if (timeframe.seconds === spec.bar_seconds) return series;
  const now = series.times[series.times.length - 1] + spec.bar_seconds;
  return upTo(resample(series, rolesOf(spec), timeframe.seconds, spec.bar_seconds), now - timeframe.seconds);
}

// Bars after a window that have to be known.
const ahead = ({ horizons, spec }) => Math.max(...(horizons ?? spec.horizons));

function whatLacks(series, manifest) {
  const { spec } = manifest;
  for (const timeframe of spec.timeframes) {
    const count = lastBars(series, timeframe, spec).times.length;
    if (count < timeframe.lookback) {
      return `too few rows: a window takes the last ${timeframe.lookback} complete bars of ${lengthOf(timeframe.seconds)}, and there are ${count}`;
    }
  }
  if (spec.known?.length && series.coming.length < ahead(manifest)) {
    return `${ahead(manifest) - series.coming.length} of the ${ahead(manifest)} rows to be forecast are missing; ${knownColumns(spec).join(", ")} have to be known of each: add rows after the last one, with ${spec.targets.join(", ")} left empty`;
  }
  const { lookback } = spec.timeframes[0];
  for (const target of spec.targets) {
    const recent = series.values.slice(-lookback).map((row) => row[spec.columns.indexOf(target)]);
    const seen = recent.filter((value) => !Number.isNaN(value)).length;
    if (spec.holes && seen < Math.max(2, LEAST_OBSERVED * lookback)) return `column ${target} has ${seen} values in the last ${lookback} bars`;
  }
  return "";
}

// A series' window as tensors of one window, by the engine's names.
export function windowOf(series, manifest) {
  const made = {}, known = (manifest.spec.known ?? []).length;
  for (const timeframe of manifest.spec.timeframes) {
    const { times, values } = lastBars(series, timeframe, manifest.spec);
    const count = timeframe.lookback;
    made[`values_${timeframe.name}`] = { data: values.slice(-count).flat(), dims: [1, count, manifest.spec.columns.length + known] };
    made[`times_${timeframe.name}`] = { data: times.slice(-count).map(BigInt), dims: [1, count] };
  }
  if (known) {
    const bars = ahead(manifest);
    made.values_known = { data: series.coming.slice(0, bars).flat(), dims: [1, bars, known] };
  }
  return made;
}

// Forecast of one series. `noise`, tensors as drawNoise makes them, may be given in place of a seed.
export async function forecast(engine, series, { samples, seed = 0, noise = null }) {
  const { manifest } = engine, { spec, horizons } = manifest;
  const number = spec.id === null ? 0 : textNumber(series.id);
  const known = {};
  const feed = { ...windowOf(series, manifest), ...(noise ?? drawNoise(seed, number, samples, manifest.inputs)) };
  for (const port of manifest.inputs) {
    const { data, dims } = feed[port.name];
    known[port.name] = new engine.ort.Tensor(port.dtype, ARRAYS[port.dtype].from(data), dims);
  }
  for (const part of engine.parts) {
    const taken = Object.fromEntries(part.inputs.map((name) => [name, known[name]]));
    Object.assign(known, await part.session.run(taken));
  }
  const steps = futureTimes(series.times, spec.bar_seconds, Math.max(...horizons), spec.weekdays ?? []);
  const made = new Paths(known.samples.data, known.samples.dims);
  spec.targets.forEach((target, at) => {
    const column = series.values.map((row) => row[spec.columns.indexOf(target)]).filter((value) => !Number.isNaN(value));
    // A target that never changed is forecast to stay.
    if (column.every((value) => value === column[0])) made.stay(at, spec.target_kind === "log-return" ? 0 : column[0]);
  });
  return { series, steps, horizons, paths: made, times: horizons.map((horizon) => steps[horizon - 1]) };
}

// Samples (1, S, K, C) in data units.
class Paths {
  constructor(data, [, samples, horizons, targets]) {
    Object.assign(this, { data, samples, horizons, targets });
  }

  at(sample, horizon, target) {
    return this.data[(sample * this.horizons + horizon) * this.targets + target];
  }

  stay(target, value) {
    for (let at = target; at < this.data.length; at += this.targets) this.data[at] = value;
  }

  ofHorizon(horizon, target) {
    return Array.from({ length: this.samples }, (_, sample) => this.at(sample, horizon, target));
  }

  mean(horizon, target) {
    return this.ofHorizon(horizon, target).reduce((a, b) => a + b) / this.samples;
  }

  // Quantiles at LEVELS, between the samples next to them.
  quantiles(horizon, target) {
    const sorted = Float64Array.from(this.ofHorizon(horizon, target)).sort();
    return LEVELS.map((level) => {
      const place = level * (sorted.length - 1), below = Math.floor(place);
      return sorted[below] + (place - below) * (sorted[Math.min(below + 1, sorted.length - 1)] - sorted[below]);
    });
  }
}
