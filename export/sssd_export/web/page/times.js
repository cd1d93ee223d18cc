// Times as texts, and as seconds since 1970-01-01 UTC.

import { DataError, shown } from "./csv.js";

const ISO = /^(\d{4})-(\d\d?)-(\d\d?)(?:[T ](\d\d?):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?$/i;
const HOW = "write 2024-01-31 or 2024-01-31 13:00, with +02:00 where it is not UTC, or seconds since 1970";

// A column of times, whole seconds; `zone` is what the model's own times were written in, null for UTC or none.
export function secondsOf(table, name, zone) {
  const needsOffset = zone !== null && !/^(utc|gmt|etc\/utc)$/i.test(zone);
  return table.columns.get(name).map((text, row) => {
    const complain = (why) => new DataError(`line ${table.line[row]}, column ${name}: ${shown(text)} ${why}: ${HOW}`);
    const found = ISO.exec(text);
    const seconds = found ? ofDate(found) : ofNumber(text);
    if (seconds === null) throw complain("is no time that is read here");
    if (found && !found[7] && needsOffset) throw complain(`has no offset from UTC, and the model's times are those of ${zone}`);
    return seconds;
  });
}

function ofDate([, year, month, day, hour = 0, minute = 0, second = 0, offset = ""]) {
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== Number(day)) return null;
  const ahead = /^([+-])(\d\d):?(\d\d)$/.exec(offset);
  return date.getTime() / 1000 - (ahead ? Number(ahead[1] + 1) * (3600 * ahead[2] + 60 * ahead[3]) : 0);
}

// Epochs by their digits: seconds, milli-, micro- or nanoseconds. 2024013113 is rather a date.
function ofNumber(text) {
  if (/^(19|20)(\d{8}|\d{10})$/.test(text)) return null;
  const digits = /^(\d{9,10}|\d{12,13}|\d{15,16}|\d{18,19})(?:\.0*)?$/.exec(text)?.[1];
  return digits ? Number(BigInt(digits) / 10n ** BigInt(3 * Math.round((digits.length - 10) / 3))) : null;
}

export const isoOf = (seconds) => new Date(1000 * seconds).toISOString().slice(0, 19).replace("T", " ");

// The same without seconds that are 0, and without the clock where dates stand alone.
export const shortOf = (seconds, dates) => isoOf(seconds).slice(0, dates ? 10 : seconds % 60 ? 19 : 16);
