const percent = (share) => `${fixed(100 * share, 0)} %`;

/** What one model answered, in its place, with what else it thought of. */
class Card {
  constructor(text, answer) {
    this.text = text;
    this.answer = answer;
    this.context = make("div", { class: "context", dir: "auto", tabindex: "0", role: "region", "aria-label": `The text, as ${answer.model} reads it` });
    this.element = make("article", { class: "card" }, make("h2", { text: answer.model }), ...this.said(), this.sure(), this.promise(), this.context, ...this.others());
    this.show(null);
  }

  /** Whether a span is likelier than "no answer", and yet not sure enough for the model's threshold. */
  withheld() {
    const { spans, candidates, no_answer_probability } = this.answer;
    return !spans.length && candidates.length > 0 && candidates[0].probability > no_answer_probability;
  }

  said() {
    const { spans } = this.answer;
    if (this.withheld()) return [make("p", { class: "said none", text: "No answer that is sure enough" })];
    if (!spans.length) return [make("p", { class: "said none", text: "No answer in this text" })];
    if (spans.length === 1) return [make("p", { class: "said", dir: "auto", text: spans[0].text })];
    return [make("ol", { class: "said" }, ...spans.map((span) => make("li", { dir: "auto", text: span.text })))];
  }

  sure() {
    const { spans, candidates, no_answer_probability } = this.answer;
    const [share, name] = this.withheld() ? [candidates[0].probability, "at best"] : [this.answer.probability, "confidence"];
    const other = spans.length || this.withheld() ? `no answer ${percent(no_answer_probability)}` : "";
    return make("p", { class: "sure" }, make("meter", { value: share, min: 0, max: 1, "aria-label": "Confidence" }), make("span", { text: `${name} ${percent(share)}` }), make("span", { text: other }));
  }

  promise() {
    const { promise } = this.answer;
    return promise === null ? null : make("p", { class: "promise", text: `Promised: ${promise}` });
  }

  others() {
    const given = new Set(this.answer.spans.map((span) => `${span.start} ${span.end}`));
    const others = this.answer.candidates.filter((span) => !given.has(`${span.start} ${span.end}`));
    if (!others.length) return [];
    this.buttons = others.map((span) =>
      make("button", { type: "button", "aria-pressed": "false", click: (event) => this.tell(event.currentTarget, span) }, make("bdi", { text: span.text }), make("span", { class: "share", text: percent(span.probability) })),
    );
    return [make("h3", { text: "Alternatives" }), make("ul", { class: "others" }, ...this.buttons.map((button) => make("li", {}, button)))];
  }

  /** Show where an alternative stands, or no longer. */
  tell(button, span) {
    const on = button.getAttribute("aria-pressed") !== "true";
    for (const each of this.buttons) each.setAttribute("aria-pressed", String(on && each === button));
    this.show(on ? span : null);
  }

  show(told) {
    const spans = this.answer.spans.map((span) => [span.start, span.end, "answer"]);
    if (told) spans.push([told.start, told.end, "told"]);
    this.context.replaceChildren(...marked(this.text, spans));
    this.reveal(told ? ".told" : "mark");
  }

  reveal(what) {
    const mark = this.context.querySelector(what);
    if (mark && this.context.isConnected) this.context.scrollTop += mark.getBoundingClientRect().top - this.context.getBoundingClientRect().top - this.context.clientHeight / 3;
  }
}
