// A CSV file as columns of texts. What is wrong with data is a DataError of one line.

export class DataError extends Error {}

const DELIMITERS = [",", ";", "\t", "|"];
export const isEmpty = (text) => text === "" || /^(nan|na|n\/a|null|none)$/i.test(text);

// Columns by name, and `line`: the line of the file, from 1, that each row begins on.
export function readCsv(text) {
  const [header, ...rows] = records(text.replace(/^\uFEFF/, ""));
  if (!header) throw new DataError("the file is empty");
  const names = header.fields;
  if (names.some((name) => name !== "" && Number.isFinite(Number(name)))) {
    throw new DataError(`the first line has to name the columns, and it is ${shown(names.join(", "))}`);
  }
  const twice = names.find((name, at) => names.indexOf(name) < at);
  if (twice !== undefined) throw new DataError(`two columns are named ${shown(twice)}: rename one`);
  if (!rows.length) throw new DataError("the file has a header and no rows");
  for (const row of rows) {
    if (row.fields.length !== names.length) {
      throw new DataError(`line ${row.line} has ${row.fields.length} fields, and the header has ${names.length}`);
    }
  }
  const columns = new Map(names.map((name, at) => [name, rows.map((row) => row.fields[at])]));
  return { columns, line: rows.map((row) => row.line) };
}

// Lines that are not blank, split into fields; a field in quotes may hold delimiters, but no line break.
function records(text) {
  const lines = text.split(/\r\n|\n|\r/);
  const head = lines.find((line) => line.trim() !== "") ?? "";
  const counts = DELIMITERS.map((delimiter) => head.split(delimiter).length);
  const delimiter = DELIMITERS[counts.indexOf(Math.max(...counts))];
  return lines.flatMap((line, at) => (line.trim() === "" ? [] : [{ line: at + 1, fields: fieldsOf(line, delimiter, at + 1) }]));
}

function fieldsOf(line, delimiter, number) {
  if (!line.includes('"')) return line.split(delimiter).map((field) => field.trim());
  const fields = [];
  let field = "", quoted = false;
  for (let at = 0; at < line.length; at++) {
    const char = line[at];
    if (char === '"' && quoted && line[at + 1] === '"') field += line[++at];
    else if (char === '"') quoted = !quoted;
    else if (char === delimiter && !quoted) {
      fields.push(field.trim());
      field = "";
    } else field += char;
  }
  if (quoted) throw new DataError(`line ${number} opens a quote and does not close it`);
  return [...fields, field.trim()];
}

// A column of numbers; NaN where one is missing.
export function numbersOf(table, name, decimal) {
  return table.columns.get(name).map((text, row) => {
    if (isEmpty(text)) return NaN;
    const plain = decimal === "," ? text.replace(",", ".") : text;
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain)) {
      throw new DataError(`line ${table.line[row]}, column ${name}: ${shown(text)} is no number`);
    }
    return Number(plain);
  });
}

export const shown = (text) => `“${text.length > 60 ? text.slice(0, 60) + "…" : text}”`;
