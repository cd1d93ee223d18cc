// The noise that a seed stands for: that of sssd_engine/noise.py, so that a page and Python forecast the same.

import { Stream } from "./random.js";

const { fround } = Math;
// Rows of a path's noise that are stratified: of S samples one lies in each of S equally likely parts.
const STRATIFIED = 8;

// Noise of one window, as an engine takes it: `noise` (1, S, P, C) and `draws` (1, M, S, K, D), float32.
// `number` is the window's own, a BigInt for a series of a panel; `ports` are the manifest's inputs.
export function drawNoise(seed, number, samples, ports) {
  const [, , points, channels] = ports.find((port) => port.name === "noise").shape;
  const stream = new Stream([seed, number]);
  const noise = new Float32Array(samples * points * channels);
  const rows = Math.min(STRATIFIED, points);
  const place = (s, p, c) => (s * points + p) * channels + c;
  const first = stratified(stream, samples, rows * channels);
  for (let s = 0; s < samples; s++) {
    for (let entry = 0; entry < rows * channels; entry++) noise[place(s, 0, entry)] = first[entry][s];
  }
  for (let s = 0; s < samples; s++) {
    for (let at = place(s, rows, 0); at < place(s + 1, 0, 0); at++) noise[at] = stream.normal();
  }
  const made = { noise: { data: noise, dims: [1, samples, points, channels] } };
  const drawn = ports.find((port) => port.name === "draws");
  if (drawn) {
    const dims = [1, drawn.shape[1], samples, drawn.shape[3], drawn.shape[4]];
    const count = dims.reduce((product, size) => product * size);
    made.draws = { data: Float32Array.from({ length: count }, () => stream.normal()), dims };
  }
  return made;
}

// For each of so many entries, S standard normal numbers, one in each of S equally likely parts, in any order.
function stratified(stream, samples, entries) {
  const made = Array.from({ length: entries }, () => new Float32Array(samples));
  for (let s = 0; s < samples; s++) {
    for (const entry of made) entry[s] = quantile(fround(fround(fround(stream.uniform() + s) / samples) - 0.5));
  }
  made.forEach((entry) => stream.shuffle(entry));
  return made;
}

// The standard normal's quantile at q + 1/2, to seven digits: PPND7 (Wichura 1988, Algorithm AS 241).
function quantile(q) {
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    const above = ((59.10937472 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179;
    return (q * above) / (((67.1875636 * r + 78.757757664) * r + 17.895169469) * r + 1);
  }
  const r = Math.sqrt(-Math.log(Math.max(0.5 - Math.abs(q), 2 ** -25))) - 1.6;
  const above = ((0.17023821103 * r + 1.3067284816) * r + 2.75681539) * r + 1.4234372777;
  return (Math.sign(q) * above) / ((0.12021132975 * r + 0.7370016425) * r + 1);
}
