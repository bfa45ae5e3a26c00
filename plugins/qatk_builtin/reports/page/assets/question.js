const COLOURS = 8;

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
      this.answers(), this.seeds(), make("h4", { text: "Context" }), this.marking(), this.legend, this.context,
      ...this.bestLists(), this.slices(),
    ].filter(Boolean));
    this.draw();
  }

  answers() {
    const { questions, row } = this, gold = questions.gold(row);
    const times = (each) => (each.times > 1 ? ` (${each.times} times)` : "");
    const golds = gold.length ? gold.map((each) => each.text + times(each)).join(" / ") : none();
    const head = ["", "answer", "kind", "F1", "score", "null odds"];
    return make("div", { class: "scroll" }, make("table", { class: "said" },
      make("thead", {}, make("tr", {}, ...head.map((text, i) => make("th", { scope: "col", text, class: i < 3 ? "left" : null })))),
      make("tbody", {}, make("tr", {}, cell("gold", "left"), cell(golds, "left"), ...[0, 1, 2, 3].map(() => cell(""))),
        ...questions.systems.map((_, system) => this.answer(system)))));
  }

  answer(system) {
    const { questions, row } = this, said = questions.said(row, system);
    const [kind, meaning] = questions.kinds[questions.kind(row, system)];
    const right = questions.isRight(row, system);
    const name = make("td", { class: "left" }, letter(questions, system));
    return make("tr", {}, name, cell(said.text || none(), "left"),
      make("td", { class: `left ${right ? "right" : "wrong"}`, title: meaning, text: `${right ? "✓" : "✗"} ${kind}` }),
      cell(fixed(questions.of("f1", system)[row], 2)), cell(fixed(questions.of("score", system)[row], 2)),
      cell(plus(questions.of("odds", system)[row], 2)));
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
      return [make("h4", { text: title }), make("div", { class: "scroll" }, make("table", { class: "best" },
        make("thead", {}, make("tr", {}, ...["", "span", "score", "probability", ""].map((text, i) => make("th", { scope: "col", text, class: i === 1 ? "left" : null })))),
        make("tbody", {}, ...list.map((span, rank) => this.bestRow(span, rank)))))];
    });
  }

  bestRow(span, rank) {
    const text = this.questions.context(this.row).slice(span.begin, span.end);
    const point = (event) => {
      const on = this.told === span;
      this.told = on ? null : span;
      for (const button of this.place.querySelectorAll(".best button")) button.setAttribute("aria-pressed", "false");
      event.currentTarget.setAttribute("aria-pressed", String(!on));
      this.draw();
      this.context.querySelector(".told")?.scrollIntoView({ block: "nearest" });
    };
    return make("tr", {}, cell(rank + 1),
      make("td", { class: "left" }, make("button", { type: "button", "aria-pressed": "false", title: "show it in the context", click: point, text })),
      cell(fixed(span.score, 2)), cell(fixed(span.probability, 3)),
      make("td", {}, make("meter", { min: 0, max: 1, value: span.probability, "aria-hidden": true })));
  }

  slices() {
    const list = this.questions.slicesOf(this.row);
    const item = ([slicer, name]) => make("li", { text: `${slicer.replaceAll("-", " ")}: ${name}` });
    return list.length ? make("ul", { class: "slices", "aria-label": "Slices" }, ...list.map(item)) : null;
  }

  /** The context with its marks. */
  draw() {
    const { questions, row } = this, context = questions.context(row), spans = this.marks();
    const told = this.told && this.lists.some((list) => list.includes(this.told)) ? this.told : null;
    if (told) spans.push({ begin: told.begin, end: told.end, told: true });
    const heat = this.marked === "answers" ? null : Number(this.marked);
    const lines = spans.some((span) => span.system !== undefined);
    this.context.className = lines ? "context" : "context plain";
    this.context.replaceChildren(...pieces(context.length, spans).flatMap(([begin, end, holding]) =>
      this.piece(context.slice(begin, end), begin, holding.map((k) => spans[k]), heat)));
    this.legend.replaceChildren(...this.meanings(spans, heat));
  }

  marks() {
    const { questions, row } = this;
    const spans = questions.gold(row).filter((gold) => gold.begin >= 0).map(({ begin, end }) => ({ begin, end, gold: true }));
    if (this.marked !== "answers") return [...spans, ...this.lists[Number(this.marked)]];
    questions.systems.forEach((_, system) => {
      const said = questions.said(row, system);
      if (said.begin >= 0) spans.push({ begin: said.begin, end: said.end, system });
    });
    return spans;
  }

  piece(text, begin, holding, heat) {
    if (!holding.length) return [text];
    const gold = holding.some((span) => span.gold), told = holding.some((span) => span.told);
    const systems = holding.filter((span) => span.system !== undefined).map((span) => span.system);
    const mark = make("mark", { class: [gold && "gold", told && "told"].filter(Boolean).join(" "), text });
    mark.style.color = "inherit";
    if (!gold && !told) mark.style.backgroundColor = "transparent";
    const likely = holding.reduce((sum, span) => sum + (span.probability ?? 0), 0);
    const lines = heat === null ? systems.map((system) => [colourOf(system), 2]) : likely > 0 ? [[colourOf(heat), 1 + 5 * Math.min(1, likely)]] : [];
    underline(mark, lines);
    const begins = holding.filter((span) => span.begin === begin && (span.gold || span.system !== undefined));
    const tags = [...new Set(begins.map((span) => (span.gold ? "gold" : span.system)))];
    return [...tags.map((tag) => this.tag(tag)), mark];
  }

  /** A small letter where a mark begins, so that colour is not all that tells them apart. */
  tag(tag) {
    if (tag === "gold") return make("span", { class: "begins of-gold", text: "gold" });
    const tagged = make("span", { class: "begins", text: this.questions.systems[tag].letter });
    tagged.style.color = colourOf(tag);
    if (this.questions.systems.length === 1) tagged.textContent = "said";
    return tagged;
  }

  meanings(spans, heat) {
    const { systems } = this.questions, shown = [];
    if (spans.some((span) => span.gold)) shown.push(make("span", {}, make("span", { class: "swatch of-gold" }), "gold answer"));
    const named = heat === null ? systems.map((_, k) => k).filter((k) => spans.some((span) => span.system === k)) : [heat];
    for (const system of named) {
      const swatch = make("span", { class: "swatch" });
      underline(swatch, [[colourOf(system), 3]]);
      const name = systems.length > 1 ? `${systems[system].letter} ${systems[system].name}` : "the answer";
      shown.push(make("span", {}, swatch, heat === null ? name : "best spans; the thicker the likelier"));
    }
    return shown.length ? shown : [make("span", { text: "Nothing to mark: no gold answer, and none given." })];
  }
}

/** Lines under an element, one below the other: [colour, thickness] each. */
function underline(element, lines) {
  if (!lines.length) return;
  let below = 0;
  const drawn = lines.map(([colour, thick]) => {
    const place = `linear-gradient(${colour}, ${colour}) 0 calc(100% - ${below}px) / 100% ${thick}px no-repeat`;
    below += thick + 2;
    return place;
  });
  const ground = ["told", "gold"].find((name) => element.classList.contains(name));
  element.style.background = `${drawn.reverse().join(", ")}, ${ground ? `var(--${ground})` : "transparent"}`;
  element.style.paddingBottom = `${below + 1}px`;
  element.style.boxDecorationBreak = "clone";
}

const cell = (content, kind = null) => {
  const made = make("td", { class: kind });
  made.append(content);
  return made;
};
const none = () => make("span", { class: "none", text: "no answer" });

/** The letter of a system in its colour; its name for whoever points at it, and its name alone where there is one. */
function letter(questions, system) {
  const { letter: text, name } = questions.systems[system];
  if (questions.systems.length === 1) return make("span", { text: "said" });
  const made = make("abbr", { class: "letter", title: name, text });
  made.style.color = colourOf(system);
  return made;
}
