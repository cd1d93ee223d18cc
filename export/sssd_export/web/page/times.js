// Times as texts, and as seconds since 1970-01-01 UTC.

import { DataError, shown } from "./csv.js";

const ISO = /^(\d{4})-(\d\d?)-(\d\d?)(?:[T ](\d\d?):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?$/i;
const HOW = "write 2024-01-31 or 2024-01-31 13:00, with +02:00 where it is not UTC, or seconds since 1970";

// A column of times, int seconds; `zone` is what the model's own times were written in, null for UTC or none.
export function secondsOf(table, name, zone) {
  return table.columns.get(name).map((text, row) => {
    const found = ISO.exec(text);
    const seconds = found ? ofDate(found, zone) : ofNumber(text);
    if (seconds === null) {
      const why = found ? `has no offset from UTC, and the model's times are those of ${zone}` : "is no time that is read here";
      throw new DataError(`line ${table.line[row]}, column ${name}: ${shown(text)} ${why}: ${HOW}`);
    }
    return seconds;
  });
}

function ofDate([, year, month, day, hour = 0, minute = 0, second = 0, offset], zone) {
  const milliseconds = Date.UTC(year, month - 1, day, hour, minute, second);
  const date = new Date(milliseconds);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== Number(day)) return null;
  if (!offset && zone !== null && !/^(utc|gmt|etc\/utc)$/i.test(zone)) return null;
  const ahead = /^([+-])(\d\d):?(\d\d)$/.exec(offset ?? "");
  const shift = ahead ? Number(ahead[1] + 1) * (3600 * ahead[2] + 60 * ahead[3]) : 0;
  return milliseconds / 1000 - shift;
}

// Epochs by their digits: seconds, milli-, micro- or nanoseconds. 2024013113 is rather a date.
function ofNumber(text) {
  if (/^(19|20)(\d{8}|\d{10})$/.test(text)) return null;
  const digits = /^(\d{9,10}|\d{12,13}|\d{15,16}|\d{18,19})(?:\.0*)?$/.exec(text)?.[1];
  return digits ? Number(BigInt(digits) / 10n ** BigInt(3 * Math.round((digits.length - 10) / 3))) : null;
}

export const isoOf = (seconds) => new Date(1000 * seconds).toISOString().slice(0, 19).replace("T", " ");
