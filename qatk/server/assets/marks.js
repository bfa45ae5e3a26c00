const AROUND = 2000; // characters that are shown before and after what is marked

/** A text with spans marked: [begin, end, class]; of a long text the part around them. */
function marked(text, spans) {
  const places = new Places(text);
  const shown = places.whole(spans.map(([begin, end, kind]) => ({ begin, end, kind })));
  const first = shown.length ? Math.max(0, Math.min(...shown.map((span) => span.begin)) - AROUND) : 0;
  const last = shown.length ? Math.max(...shown.map((span) => span.end)) + AROUND : 2 * AROUND;
  const parts = [];
  if (first > 0) parts.push("…");
  for (const [begin, end, holding] of pieces(places.length, shown)) {
    const piece = places.slice(Math.max(begin, first), Math.min(end, last));
    if (end <= first || begin >= last) continue;
    const kinds = [...new Set(holding.map((k) => shown[k].kind))];
    parts.push(kinds.length ? make("mark", { class: kinds.join(" "), text: piece }) : piece);
  }
  if (last < places.length) parts.push("…");
  return parts;
}
