// A table of a CSV file as series of bars, by the data specification of an engine's manifest: what is wrong with a file
// is said here. A series has `id`, `times` (starts of bars, seconds since 1970 UTC) and `values`, a row for each bar: the
// columns, then what is known ahead; and `coming`, what is known of the bars after the last.

import { DataError, isEmpty, numbersOf, shown } from "./csv.js";
import { carriedOn, knownColumns, knownNumbers } from "./known.js";
import { secondsOf } from "./times.js";

export const DAY = 86400, WEEK = 7 * DAY, MONDAY = 4 * DAY; // 1970-01-05
export const modulo = (a, b) => ((a % b) + b) % b;

export function readSeries(table, spec) {
  const wanted = [spec.time, ...(spec.id === null ? [] : [spec.id]), ...spec.columns, ...knownColumns(spec)];
  const lacking = wanted.filter((name) => !table.columns.has(name));
  if (lacking.length) {
    const there = [...table.columns.keys()].join(", ");
    throw new DataError(`no column ${lacking.map(shown).join(", ")} in the file, which has ${there}`);
  }
  const times = secondsOf(table, spec.time, spec.zone ?? null);
  const columns = [...spec.columns.map((name) => numbersOf(table, name, spec.decimal)), ...knownNumbers(table, spec)];
  const rowsOf = new Map();
  times.forEach((_, row) => {
    const id = spec.id === null ? "" : table.columns.get(spec.id)[row];
    if (spec.id !== null && isEmpty(id)) throw new DataError(`line ${table.line[row]}, column ${spec.id}: the id is empty`);
    if (!rowsOf.has(id)) rowsOf.set(id, []);
    rowsOf.get(id).push(row);
  });
  return [...rowsOf].map(([id, rows]) => toBars(id, ascending(rows, times, table), times, columns, table, spec));
}

// Rows of one series, oldest first; those of a file with the newest first are turned round.
function ascending(rows, times, table) {
  const turned = rows.length > 1 && times[rows[0]] > times[rows[rows.length - 1]];
  const made = turned ? [...rows].reverse() : rows;
  const late = made.findIndex((row, at) => at > 0 && times[row] <= times[made[at - 1]]);
  if (late > 0) throw new DataError(`line ${table.line[made[late]]}: its time is not after that of the row before it`);
  return made;
}

function toBars(id, rows, allTimes, columns, table, spec) {
  const of = id === "" ? "" : `series ${shown(id)}: `;
  const everything = rows.map((row) => columns.map((column) => column[row]));
  checkStep(rows.map((row) => allTimes[row]), spec, of);
  checkValues(everything, rows, table, spec);
  const end = spec.timestamps === "end" ? spec.source_seconds : 0;
  const count = spec.columns.length;
  let bars = { times: rows.map((row) => allTimes[row] - end), values: everything };
  let seen = observed(bars, count);
  if (!seen) throw new DataError(`${of}no row has a value`);
  if (!spec.known?.length) bars = cut(bars, 0, seen); // the others are to come, and nothing is known of them
  if (spec.bar_seconds !== spec.source_seconds) {
    const over = (row) => bars.times[row] + spec.source_seconds - spec.bar_seconds;
    const [last, end] = [over(seen - 1), over(bars.times.length - 1)];
    bars = upTo(resample(bars, rolesOf(spec), spec.bar_seconds, spec.source_seconds), end);
    bars.times.forEach((time, row) => time > last && bars.values[row].fill(NaN, 0, count)); // not over: not known
  }
  if (spec.gaps === "missing") bars = withMissingRows(bars, spec.bar_seconds);
  carriedOn(bars.values, count);
  seen = observed(bars, count);
  return { id, ...cut(bars, 0, seen), coming: cut(bars, seen).values.map((row) => row.slice(count)) };
}

// How columns become those of coarser bars; of what is known ahead, the last.
export const rolesOf = (spec) => [...spec.roles, ...(spec.known ?? []).map(() => "value")];

const cut = ({ times, values }, from, to) => ({ times: times.slice(from, to), values: values.slice(from, to) });

function checkStep(times, spec, of) {
  if (times.length < 4) return;
  const counts = new Map();
  times.slice(1).forEach((time, at) => counts.set(time - times[at], (counts.get(time - times[at]) ?? 0) + 1));
  const [usual] = [...counts].reduce((most, one) => (one[1] > most[1] ? one : most));
  const step = spec.step_seconds || spec.source_seconds;
  if (Math.abs(usual - step) > 0.01 * step) {
    throw new DataError(`${of}rows are ${lengthOf(usual)} apart, and the model's are ${lengthOf(step)}`);
  }
}

// As sssd_engine's checks have it: no missing value where the model knows of none, and no value that it cannot take.
function checkValues(values, rows, table, spec) {
  const last = observed({ values }, spec.columns.length) - 1;
  const bounds = new Map((spec.bounds ?? []).map((ends, at) => [spec.columns.indexOf(spec.targets[at]), ends]));
  values.slice(0, last + 1).forEach((row, at) => row.slice(0, spec.columns.length).forEach((value, column) => {
    const [low, high] = bounds.get(column) ?? [null, null];
    let wrong = "";
    if (Number.isNaN(value)) wrong = spec.holes ? "" : "it is empty, and this model knows of no missing values";
    else if (spec.target_kind !== "level" && value <= 0 && spec.roles[column] !== "volume") {
      wrong = `${value} has no logarithm, and the model works on log-returns`;
    } else if ((low !== null && value < low) || (high !== null && value > high)) {
      wrong = `${value} is outside of its bounds, ${low ?? "-∞"} to ${high ?? "∞"}`;
    }
    if (wrong) throw new DataError(`line ${table.line[rows[at]]}, column ${spec.columns[column]}: ${wrong}`);
  }));
}

// Number of rows up to the last in which any of the first `count` columns was observed: the others are to come.
function observed({ values }, count) {
  return values.findLastIndex((row) => row.slice(0, count).some((value) => !Number.isNaN(value))) + 1;
}

// Bars that begin no later than `start`.
export function upTo(bars, start) {
  const count = bars.times.findLastIndex((time) => time <= start) + 1;
  return { times: bars.times.slice(0, count), values: bars.values.slice(0, count) };
}

// Bars of `seconds` from finer ones, causally: a row belongs to the bar in which it ends. Bars are aligned to 1970, weeks
// to Mondays. A bar without rows does not exist; a first one that the rows begin midway in is left out.
export function resample({ times, values }, roles, seconds, rowSeconds) {
  const anchor = seconds % WEEK === 0 ? MONDAY : 0;
  const startOf = (time) => anchor + Math.floor((time + rowSeconds - 1 - anchor) / seconds) * seconds;
  const groups = [];
  times.forEach((time, row) => {
    const start = startOf(time);
    if (!groups.length || groups[groups.length - 1].start !== start) groups.push({ start, rows: [] });
    groups[groups.length - 1].rows.push(values[row]);
  });
  if (groups.length && times[0] > groups[0].start) groups.shift();
  return {
    times: groups.map((group) => group.start),
    values: groups.map((group) => roles.map((role, column) => reduced(group.rows.map((row) => row[column]), role))),
  };
}

// Open is the first, high the highest, low the lowest, volume the sum, anything else the last of what was observed; a sum
// stands for its missing rows, too.
function reduced(all, role) {
  const seen = all.filter((value) => !Number.isNaN(value));
  if (!seen.length) return NaN;
  if (role === "open") return seen[0];
  if (role === "high") return seen.reduce((a, b) => Math.max(a, b));
  if (role === "low") return seen.reduce((a, b) => Math.min(a, b));
  if (role === "volume") return (seen.reduce((a, b) => a + b) * all.length) / seen.length;
  return seen[seen.length - 1];
}

// A row of NaN for every bar that is not there; a series whose bars lie on no grid stays as it is.
function withMissingRows({ times, values }, seconds) {
  if (times.some((time) => (time - times[0]) % seconds !== 0)) return { times, values };
  const made = { times: [], values: [] };
  times.forEach((time, row) => {
    for (let at = row ? times[row - 1] + seconds : time; at < time; at += seconds) {
      made.times.push(at);
      made.values.push(values[row].map(() => NaN));
    }
    made.times.push(time);
    made.values.push(values[row]);
  });
  return made;
}

export function lengthOf(seconds) {
  const [unit, size] = [["w", WEEK], ["d", DAY], ["h", 3600], ["min", 60], ["s", 1]].find(([, size]) => seconds % size === 0);
  return `${seconds / size} ${unit}`;
}
