/** The state of the page in its address: question, models, alternatives, and the text, packed. */
const LONGEST_LINK = 400_000;

async function through(stream, bytes) {
  const packed = new Blob([bytes]).stream().pipeThrough(stream);
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

async function pack(text) {
  const bytes = await through(new CompressionStream("deflate-raw"), new TextEncoder().encode(text));
  let letters = "";
  for (let i = 0; i < bytes.length; i += 0x8000) letters += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

async function unpack(letters) {
  const bytes = Uint8Array.from(atob(letters.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  return new TextDecoder("utf-8", { fatal: true }).decode(await through(new DecompressionStream("deflate-raw"), bytes));
}

async function toFragment(state) {
  const fields = new URLSearchParams({ q: state.question, k: String(state.many), t: await pack(state.text) });
  for (const name of state.models) fields.append("m", name);
  return `#${fields}`;
}

/** What an address holds, or null where it holds no question. */
async function fromFragment(fragment) {
  const fields = new URLSearchParams(fragment.replace(/^#/, ""));
  if (!fields.has("q") || !fields.has("t")) return null;
  return { question: fields.get("q"), many: Number(fields.get("k")) || 5, models: fields.getAll("m"), text: await unpack(fields.get("t")) };
}
