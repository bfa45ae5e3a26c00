const MISSING = -(2 ** 31), LOWEST = MISSING + 1, HIGHEST = 2 ** 31 - 1;

/** The bytes that packing.py compressed. */
async function inflate(base64) {
  const binary = atob(base64.trim());
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** By name the columns of a table: arrays of numbers, and functions from row to text. */
function readColumns(table, bytes) {
  const columns = {};
  let at = 0;
  for (const [name, kind, rows, length, scale] of table) {
    const part = bytes.subarray(at, (at += length));
    columns[name] = kind === "text" ? texts(part, columns[name]) : numbers(part, kind, rows, scale);
  }
  return columns;
}

function numbers(bytes, kind, rows, scale) {
  if (kind === "u1" && !scale) return bytes;
  const width = Number(kind[1]);
  const values = new Int32Array(rows);
  for (let plane = 0; plane < width; plane++)
    for (let i = 0; i < rows; i++) values[i] |= bytes[plane * rows + i] << (8 * plane);
  return scale ? Float64Array.from(values, (value) => unscale(value, scale)) : values;
}

function unscale(value, scale) {
  if (value === MISSING) return NaN;
  return value === LOWEST ? -Infinity : value === HIGHEST ? Infinity : value / scale;
}

function texts(bytes, lengths) {
  const all = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  const begins = begun(lengths);
  return (row) => all.slice(begins[row], begins[row + 1]);
}

/** Where each of several runs of values begins, and the end of the last. */
function begun(lengths) {
  const begins = new Int32Array(lengths.length + 1);
  for (let i = 0; i < lengths.length; i++) begins[i + 1] = begins[i] + lengths[i];
  return begins;
}
