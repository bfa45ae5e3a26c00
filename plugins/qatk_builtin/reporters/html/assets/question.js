const COLOURS = 8, LINE = 2, ROOM = 12;  // the last two in pixels: of an underline, and around what is shown

const colourOf = (system) => `var(--s${system % COLOURS})`;

/** One open question: what was asked, what is right, what each system said, all marked in its context. */
class OpenQuestion {
  constructor(questions, spans, place) {
    this.questions = questions;
    this.spans = spans;  // a function that gives a promise of the best spans
    this.place = place;
    this.drawn = 0;
  }

  /** Draw a question. The tools are the buttons above it. */
  async show(row, tools) {
    const turn = ++this.drawn, { questions } = this;
    this.row = row;
    this.marked = "answers";
    const best = await this.spans();
    if (turn !== this.drawn) return;
    this.lists = questions.systems.map((_, system) => best.of(row, system));
    this.context = make("p", { class: "context", id: "context", dir: "auto" });
    this.legend = make("p", { class: "legend" });
    this.place.replaceChildren(...[
      tools,
      make("h3", { dir: "auto", tabindex: "-1", id: "asked", text: questions.asked(row) }),
      make("p", { class: "where", text: [questions.title(row).replaceAll("_", " "), questions.id(row)].filter(Boolean).join(" · ") }),
      this.answers(), this.meanings(), this.seeds(), make("h4", { text: "Context" }), this.marking(), this.legend, this.context,
      ...this.bestLists(), this.slices(),
    ].filter(Boolean));
    this.draw();
  }

  answers() {
    const { questions, row } = this, gold = questions.gold(row);
    const times = (each) => (each.times > 1 ? ` (${each.times} times)` : "");
    const due = [...new Set(gold.map((each) => each.span))];
    const ofSpan = (span) => gold.filter((each) => each.span === span).flatMap((each, k) => [k ? " / " : "", own(each.text), times(each)]);
    const golds = gold.length ? due.flatMap((span, k) => [k ? "; " : "", ...ofSpan(span)]) : none();
    const head = [unseen("system"), "answer", "kind", ...this.figures().map(([name]) => SORTED[name])];
    return scrolled("The answers", make("table", { class: "said" },
      make("thead", {}, make("tr", {}, ...head.map((text, i) => make("th", { scope: "col", class: i < 3 ? "left" : null }, text)))),
      make("tbody", {}, make("tr", {}, rowHead("gold"), cell(golds, "left"), ...this.figures().map(() => cell("")), cell("")),
        ...questions.systems.map((_, system) => this.answer(system)))));
  }

  answer(system) {
    const { questions, row } = this, said = questions.spansSaid(row, system).flatMap((span, k) => [k ? "; " : "", own(span.text)]);
    const [kind] = questions.kinds[questions.kind(row, system)];
    const right = questions.isRight(row, system);
    const name = questions.systems.length > 1 ? make("bdi", { class: "of", text: questions.systems[system].name }) : "";
    return make("tr", {}, rowHead(letter(questions, system), " ", name), cell(said.length ? said : none(), "left"),
      make("td", { class: `left ${right ? "right" : "wrong"}`, text: `${right ? "✓" : "✗"} ${kind}` }),
      ...this.figures().map(([name, shown]) => cell(shown(questions.of(name, system)[row], 2))));
  }

  /** The columns of figures that some system has, and how they are written. */
  figures() {
    const { questions } = this;
    return [["f1", fixed], ["score", fixed], ["odds", plus]].filter(([name]) => questions.systems.some((_, system) => questions.knows(name, system)));
  }

  /** What the kinds of these answers mean. */
  meanings() {
    const { questions, row } = this, kinds = new Map(questions.systems.map((_, system) => questions.kinds[questions.kind(row, system)]));
    return make("p", { class: "where", text: [...kinds].map(([kind, meaning]) => `${kind}: ${meaning}`).join(" · ") });
  }

  /** That figures are means where a system has several seeds. */
  seeds() {
    const told = this.questions.systems.filter((system) => system.seeds.length).map((system) => `${system.letter}: answer, score and best spans of seed ${system.seeds[0]}, F1 the mean of ${system.seeds.length} seeds.`);
    return told.length ? make("p", { class: "where", text: told.join(" ") }) : null;
  }

  /** What is marked in the context: the answers, or the best spans of a system. */
  marking() {
    const { questions } = this, choices = [["answers", "answers"]];
    questions.systems.forEach((system, k) => {
      if (this.lists[k].length) choices.push([String(k), questions.systems.length > 1 ? `best spans of ${system.letter}` : "best spans"]);
    });
    if (choices.length === 1) return null;
    const choose = (event) => { this.marked = event.target.value; this.draw(); };
    return make("fieldset", {}, make("legend", { text: "Mark" }), ...choices.map(([value, text]) =>
      make("label", {}, make("input", { type: "radio", name: "marked", value, checked: value === this.marked, change: choose }), text)));
  }

  bestLists() {
    const { questions } = this;
    return questions.systems.flatMap((system, k) => {
      const list = this.lists[k];
      if (!list.length) return [];
      const title = questions.systems.length > 1 ? `Best spans of ${system.letter}, ${system.name}` : "Best spans";
      const head = [unseen("rank"), "span", "score", "probability"];
      return [make("h4", { text: title }), scrolled(title, make("table", { class: "best" },
        make("thead", {}, make("tr", {}, ...head.map((text, i) => make("th", { scope: "col", class: i === 1 ? "left" : null }, text)), make("td"))),
        make("tbody", {}, ...list.map((span, rank) => this.bestRow(span, rank)))))];
    });
  }

  bestRow(span, rank) {
    const text = this.questions.context(this.row).slice(span.begin, span.end).trim() || "(empty)";
    const point = (event) => {
      const on = this.told === span;
      this.told = on ? null : span;
      for (const button of this.place.querySelectorAll(".best button")) button.setAttribute("aria-pressed", "false");
      event.currentTarget.setAttribute("aria-pressed", String(!on));
      this.draw();
      this.reveal(event.currentTarget);
    };
    return make("tr", {}, cell(rank + 1),
      make("td", { class: "left" }, make("button", { type: "button", "aria-pressed": "false", title: "show in the context", click: point }, own(text))),
      cell(fixed(span.score, 2)), cell(fixed(span.probability, 3)),
      make("td", {}, make("meter", { min: 0, max: 1, value: span.probability, "aria-hidden": true })));
  }

  /** Bring the span that was pointed at into sight, and keep its button there too where both have room. */
  reveal(button) {
    const mark = this.context.querySelector(".told"), inside = this.place.getBoundingClientRect();
    if (!mark) return;
    const above = mark.getBoundingClientRect().top, rows = button.getBoundingClientRect().bottom - above;
    if (this.place.scrollHeight > this.place.clientHeight && rows < this.place.clientHeight - 2 * ROOM) {
      if (above < inside.top + ROOM) this.place.scrollTop += above - inside.top - ROOM;
    } else mark.scrollIntoView({ block: "nearest" });
  }

  slices() {
    const list = this.questions.slicesOf(this.row);
    const item = ([slicer, name]) => make("li", { text: `${slicer.replaceAll("-", " ")}: ${name}` });
    return list.length ? make("ul", { class: "slices", "aria-label": "Slices" }, ...list.map(item)) : null;
  }

  /** The context with its marks. */
  draw() {
    const { questions, row } = this, context = questions.context(row), spans = context.whole(this.marks());
    const told = this.told && this.lists.some((list) => list.includes(this.told)) ? this.told : null;
    if (told) spans.push(...context.whole([{ begin: told.begin, end: told.end, told: true }]));
    const heat = this.marked === "answers" ? null : Number(this.marked);
    this.lanes = [...new Set(spans.map((span) => span.system).filter((system) => system !== undefined))];
    this.context.className = this.lanes.length ? "context" : "context plain";
    this.context.replaceChildren(...pieces(context.length, spans).flatMap(([begin, end, holding]) =>
      this.piece(context.slice(begin, end), begin, end, holding.map((k) => spans[k]), heat)));
    this.legend.replaceChildren(...this.signs(spans, heat));
  }

  marks() {
    const { questions, row } = this;
    const spans = questions.gold(row).filter((gold) => gold.begin >= 0).map(({ begin, end }) => ({ begin, end, gold: true }));
    if (this.marked !== "answers") return [...spans, ...this.lists[Number(this.marked)]];
    questions.systems.forEach((_, system) => {
      for (const { begin, end } of questions.spansSaid(row, system)) if (begin >= 0) spans.push({ begin, end, system });
    });
    return spans;
  }

  piece(text, begin, end, holding, heat) {
    if (!holding.length) return [text];
    const golds = holding.filter((span) => span.gold), told = holding.some((span) => span.told);
    const looks = { gold: golds.length, told, begins: golds.some((span) => span.begin === begin), ends: golds.some((span) => span.end === end) };
    const mark = make("mark", { class: Object.keys(looks).filter((look) => looks[look]).join(" "), text });
    const likely = holding.reduce((sum, span) => sum + (span.probability ?? 0), 0);
    const systems = holding.filter((span) => span.system !== undefined).map((span) => span.system);
    if (heat !== null) underline(mark, likely > 0 ? [[colourOf(heat), 1 + 5 * Math.min(1, likely), 0]] : []);
    else underline(mark, systems.map((system) => [colourOf(system), LINE, this.lanes.indexOf(system)]), this.lanes.length);
    const tags = (at) => [...new Set(holding.filter((span) => at(span) && (span.gold || span.system !== undefined)).map((span) => (span.gold ? "gold" : span.system)))];
    const closing = tags((span) => span.end === end).map((tag) => unseen(` ${this.nameOf(tag)}]`));
    return [...tags((span) => span.begin === begin).map((tag) => this.tag(tag)), mark, ...closing];
  }

  nameOf(tag) {
    const { systems } = this.questions;
    return tag === "gold" ? "gold" : systems.length > 1 ? systems[tag].letter : "predicted";
  }

  /** A small letter where a mark begins, so that colour is not all that tells them apart; brackets for who only hears it. */
  tag(tag) {
    const tagged = make("span", { class: tag === "gold" ? "begins of-gold" : "begins" }, unseen("["), this.nameOf(tag), unseen(" "));
    if (tag !== "gold") tagged.style.color = colourOf(tag);
    return tagged;
  }

  /** What the marks stand for, and what has none. */
  signs(spans, heat) {
    const { systems } = this.questions, shown = [];
    if (spans.some((span) => span.gold)) shown.push(make("span", {}, make("span", { class: "swatch of-gold" }), "gold answer"));
    for (const system of heat === null ? this.lanes : [heat]) {
      const swatch = make("span", { class: "swatch" });
      underline(swatch, [[colourOf(system), 3, 0]]);
      const name = systems.length > 1 ? make("bdi", { text: `${systems[system].letter} ${systems[system].name}` }) : "prediction";
      shown.push(make("span", {}, swatch, heat === null ? name : "best spans; a thicker line is likelier"));
    }
    const notes = [...this.unplaced(), ...this.guessed()];
    if (!shown.length && !notes.length) notes.push("Nothing to mark: there is no gold answer, and no system answered.");
    return [...shown, ...notes.map((text) => make("span", { text }))];
  }

  /** Answers that the context does not hold, or not where they are said to stand. */
  unplaced() {
    const { questions, row } = this, golds = questions.gold(row).filter((gold) => gold.begin < 0).map((gold) => ["gold", gold.text]);
    const said = questions.systems.flatMap((_, system) => questions.spansSaid(row, system).filter(({ begin }) => begin < 0).map((span) => [system, span]));
    return [...golds, ...said.map(([system, { text }]) => [system, text])].map(([tag, text]) => `${this.nameOf(tag)} “\u2068${text}\u2069”: position in the context unknown.`);
  }

  /** Of answers from files that the context holds several times, which place is marked. */
  guessed() {
    const { questions, row } = this, { text: context } = questions.context(row);
    const many = questions.systems.flatMap(({ places }, system) => {
      const { text, begin } = questions.said(row, system);
      return !places && begin >= 0 && context.split(text).length > 2 ? [this.nameOf(system)] : [];
    });
    return many.length ? [`${many.join(", ")}: the predictions file does not say which occurrence is meant; the one nearest to a gold answer is marked.`] : [];
  }
}

/** Lines under an element, each in its lane: [colour, thickness, lane]; room for so many lanes. */
function underline(element, lines, lanes = 1) {
  if (!lines.length) return;
  const drawn = lines.map(([colour, thick, lane]) => `linear-gradient(${colour}, ${colour}) 0 calc(100% - ${(lanes - 1 - lane) * (LINE + 2)}px) / 100% ${thick}px no-repeat`);
  const ground = ["told", "gold"].find((name) => element.classList.contains(name));
  element.style.background = `${drawn.join(", ")}, ${ground ? `var(--${ground})` : "transparent"}`;
  element.style.paddingBottom = `${lanes * (LINE + 2) + 1}px`;
}

const unseen = (text) => make("span", { class: "unseen", text });
const scrolled = (name, table) => make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name }, table);
const rowHead = (...content) => make("th", { scope: "row", class: "left" }, ...content);
const cell = (content, kind = null) => {
  const made = make("td", { class: kind });
  made.append(...[content].flat());
  return made;
};
/** A text in its own direction, which leaves alone what stands beside it. */
const own = (text) => make("bdi", { text });
const none = () => make("span", { class: "none", text: "no answer" });

/** The letter of a system in its colour. */
function letter(questions, system) {
  if (questions.systems.length === 1) return make("span", { text: "predicted" });
  const { letter: text, name } = questions.systems[system];
  const made = make("span", { class: "letter", title: name, text });
  made.style.color = colourOf(system);
  return made;
}
