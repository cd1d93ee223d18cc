// What is known ahead of a table's rows, as numbers: what sssd_registry/data/known.py makes of columns.

import { DataError, isEmpty, numbersOf } from "./csv.js";

const TRUTHS = new Map([["true", 1], ["yes", 1], ["false", 0], ["no", 0]]);

// Columns in the file that are known ahead, each once.
export const knownColumns = (spec) => [...new Set((spec.known ?? []).map((one) => one.column))];

// A column of numbers for each that the model is told: those of the file, truths as 1 and 0, or 1 where a text is a label.
export function knownNumbers(table, spec) {
  for (const name of knownColumns(spec)) {
    const empty = table.columns.get(name).findIndex(isEmpty);
    if (empty >= 0) {
      throw new DataError(`line ${table.line[empty]}, column ${name}: it is known ahead and has no value; every row needs one, those to be forecast too`);
    }
  }
  return (spec.known ?? []).map(({ column, level }) => {
    const texts = table.columns.get(column);
    if (level !== null && level !== undefined) return texts.map((text) => (text.trim() === level ? 1 : 0));
    const truths = texts.map((text) => TRUTHS.get(text.toLowerCase()));
    return truths.includes(undefined) ? numbersOf(table, column, spec.decimal) : truths;
  });
}

// Rows that were missing have what was known of the last before them.
export function carriedOn(values, first) {
  for (let row = 1; row < values.length; row++) {
    for (let at = first; at < values[row].length; at++) if (Number.isNaN(values[row][at])) values[row][at] = values[row - 1][at];
  }
}
