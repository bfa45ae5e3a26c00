/** A text whose places are counted in code points, as Python counts them. */
class Places {
  constructor(text) {
    this.text = text;
    this.points = /[\ud800-\udbff]/.test(text) ? Array.from(text) : null;
  }

  slice(begin, end) {
    return this.points ? this.points.slice(begin, end).join("") : this.text.slice(begin, end);
  }

  get length() {
    return this.points ? this.points.length : this.text.length;
  }

  /** The same spans, none of which cuts a letter from its marks: those are drawn as one. */
  whole(spans) {
    if (!/[^\0-\u02ff]/.test(this.text) || !Intl.Segmenter) return spans;
    return spans.map((span) => ({ ...span, begin: this.edge(span.begin, false), end: this.edge(span.end, true) }));
  }

  /** A place, or where the cluster that it cuts begins or ends. */
  edge(at, after) {
    if (at <= 0 || at >= this.length) return at;
    this.clusters ??= new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(this.text);
    const unit = this.points ? this.points.slice(0, at).join("").length : at;
    const { index, segment } = this.clusters.containing(unit);
    if (index === unit) return at;
    const begin = at - Array.from(this.text.slice(index, unit)).length;
    return after ? begin + Array.from(segment).length : begin;
  }
}

/** Pieces of a text between the ends of spans: [begin, end, the indices of the spans that hold it]. */
function pieces(length, spans) {
  const cuts = [...new Set([0, length, ...spans.flatMap((span) => [span.begin, span.end])])].sort((a, b) => a - b);
  const found = [];
  for (let i = 0; i + 1 < cuts.length; i++) {
    const holding = spans.flatMap((span, k) => (span.begin <= cuts[i] && cuts[i + 1] <= span.end ? [k] : []));
    found.push([cuts[i], cuts[i + 1], holding]);
  }
  return found;
}
