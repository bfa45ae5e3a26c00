const OUTCOMES = ["wins", "losses", "both_wrong"];
const RIGHT_KINDS = 2;  // the first kinds are the right ones

/** All that the page knows of each question; a question is its row. */
class Questions {
  constructor(about, bytes) {
    Object.assign(this, about);
    const columns = readColumns(about.columns.rows, bytes);
    this.columns = columns;
    this.id = columns.id;
    this.asked = (row) => columns.question(row) || "(a question without text)";
    this.golds = begun(columns.gold_count);
    this.more = about.systems.map((_, system) => columns[`more_count.${system}`] && begun(columns[`more_count.${system}`]));
    this.contexts = new Map();
    this.rowOf = new Map();
    for (let row = 0; row < this.count; row++) this.rowOf.set(this.id(row), row);
    this.width = Math.ceil(this.count / 8);
  }

  title(row) { return this.columns.title(this.columns.title_index[row]); }

  context(row) {
    const index = this.columns.context_index[row];
    if (!this.contexts.has(index)) this.contexts.set(index, new Places(this.columns.context(index)));
    return this.contexts.get(index);
  }

  /** The distinct gold answers: text, place where it is known, how often it was given, of which span of the answer. */
  gold(row) {
    const { gold_start, gold_length, gold_times, gold_span } = this.columns, answers = [];
    for (let k = this.golds[row]; k < this.golds[row + 1]; k++) {
      const begin = gold_start[k] - 1, end = begin + gold_length[k];
      const text = begin < 0 ? this.columns.extra(gold_length[k]) : this.context(row).slice(begin, end);
      answers.push({ text, begin, end, times: gold_times[k], span: gold_span ? gold_span[k] : 0 });
    }
    return answers;
  }

  systemOf(letter) { return this.systems.findIndex((system) => system.letter === letter); }

  of(name, system) { return this.columns[`${name}.${system}`]; }

  /** What a system answered, the best of its spans: its text, empty for no answer, and its place. */
  said(row, system) { return this.spanAt(row, this.of("said_start", system)[row] - 1, this.of("said_length", system)[row]); }

  /** All spans of what a system answered, in the order of the context; none for no answer. */
  spansSaid(row, system) {
    const best = this.said(row, system), begins = this.more[system], found = best.text ? [best] : [];
    for (let k = begins?.[row] ?? 0; begins && k < begins[row + 1]; k++) {
      found.push(this.spanAt(row, this.of("more_start", system)[k] - 1, this.of("more_length", system)[k]));
    }
    return found.sort((a, b) => a.begin - b.begin);
  }

  /** A span by its place, or with a begin of -1 by the number of its text, from 1 on; 0 is none. */
  spanAt(row, begin, length) {
    if (begin >= 0) return { text: this.context(row).slice(begin, begin + length), begin, end: begin + length };
    return { text: length ? this.columns.extra(length - 1) : "", begin, end: begin };
  }

  /** The kind of a system's answer, as an index into the kinds. */
  kind(row, system) { return this.of("kind", system)[row]; }

  isRight(row, system) { return this.kind(row, system) < RIGHT_KINDS; }

  /** Whether a column says anything of a system. */
  knows(name, system) {
    this.known ??= new Map();
    const key = `${name}.${system}`;
    if (!this.known.has(key)) this.known.set(key, this.of(name, system).some((value) => !Number.isNaN(value)));
    return this.known.get(key);
  }

  /** How many questions have each of so many values in a column of a system. */
  tally(name, system, values) {
    const numbers = new Array(values).fill(0), column = this.of(name, system);
    for (let row = 0; row < this.count; row++) numbers[column[row]]++;
    return numbers;
  }

  inSlice(row, slice) { return (this.columns.slices[slice * this.width + (row >> 3)] >> (row & 7)) & 1; }

  slicesOf(row) { return this.slices.filter((_, slice) => this.inSlice(row, slice)); }

  /** Everything said of a question, in lower case, to be searched; its context is apart, for many share one. */
  haystack(row) {
    this.haystacks ??= new Array(this.count);
    return (this.haystacks[row] ??= [
      this.asked(row), this.id(row), this.title(row), ...this.gold(row).map((gold) => gold.text),
      ...this.systems.flatMap((_, system) => this.spansSaid(row, system).map((span) => span.text)),
    ].join("\n").toLowerCase());
  }

  lowerContext(row) {
    this.lowered ??= new Map();
    const index = this.columns.context_index[row];
    if (!this.lowered.has(index)) this.lowered.set(index, this.columns.context(index).toLowerCase());
    return this.lowered.get(index);
  }

  /** Rows that a state's filters let through, in its order. */
  find(state) {
    const wanted = state.text.toLowerCase().split(/\s+/).filter(Boolean), rows = [];
    const slice = this.slices.findIndex(([slicer, name]) => `${slicer}: ${name}` === state.slice);
    const hasKind = this.kindTest(state), hasOutcome = this.outcomeTest(state);
    const seen = new Map(wanted.map((word) => [word, new Map()]));  // each context is searched once, not for each of its questions
    const inContext = (row, word) => {
      const known = seen.get(word), index = this.columns.context_index[row];
      if (!known.has(index)) known.set(index, this.lowerContext(row).includes(word));
      return known.get(index);
    };
    for (let row = 0; row < this.count; row++) {
      if (slice >= 0 && !this.inSlice(row, slice)) continue;
      if (!hasKind(row) || !hasOutcome(row)) continue;
      if (!wanted.every((word) => this.haystack(row).includes(word) || inContext(row, word))) continue;
      rows.push(row);
    }
    return this.sorted(rows, state);
  }

  kindTest({ kind, system }) {
    const column = this.of("kind", this.systemOf(system)), wanted = this.kinds.findIndex(([name]) => name === kind);
    if (kind === "right") return (row) => column[row] < RIGHT_KINDS;
    if (kind === "wrong") return (row) => column[row] >= RIGHT_KINDS;
    return wanted < 0 ? () => true : (row) => column[row] === wanted;
  }

  outcomeTest({ outcome }) {
    const [name, other] = outcome.split("."), column = outcome && this.of("outcome", this.systemOf(other));
    return column ? (row) => column[row] === OUTCOMES.indexOf(name) + 1 : () => true;
  }

  sorted(rows, state) {
    const key = this.sortKey(state);
    if (!key) return rows;
    const rank = (value) => (Number.isNaN(value) ? Infinity : value);  // what is not known comes last
    return rows.sort((a, b) => rank(key(a)) - rank(key(b)) || a - b);
  }

  sortKey({ sort, system, outcome }) {
    if (sort === "telling") return (row) => this.of("rank", this.systemOf(outcome.split(".")[1]))[row];
    if (sort === "apart") {
      const each = this.systems.map((_, k) => this.of("f1", k));
      return (row) => -Math.max(...each.map((f1) => Math.abs(f1[row] - each[0][row])));
    }
    const [name, down] = sort.split("-"), column = this.of(name, this.systemOf(system));
    return column && (down ? (row) => -column[row] : (row) => column[row]);
  }
}

/** The best spans of every question, read when the first question opens. */
class BestSpans {
  constructor(table, bytes, systems) {
    this.columns = readColumns(table, bytes);
    this.begins = systems.map((_, system) => begun(this.columns[`best_count.${system}`]));
  }

  of(row, system) {
    const column = (name) => this.columns[`best_${name}.${system}`], spans = [];
    for (let k = this.begins[system][row]; k < this.begins[system][row + 1]; k++) {
      const begin = column("start")[k];
      spans.push({ begin, end: begin + column("length")[k], score: column("score")[k], probability: column("probability")[k] });
    }
    return spans;
  }
}
