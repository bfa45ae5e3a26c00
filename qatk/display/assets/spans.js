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
