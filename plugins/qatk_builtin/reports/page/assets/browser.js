const PAGE = 50;
const PLAIN = { text: "", system: "0", kind: "", slice: "", outcome: "", sort: "", page: "0", q: "" };

/** The filters, the list of questions found, and the open one; all of its state stands in the address. */
class Browser {
  constructor(questions, spans) {
    this.questions = questions;
    this.open = new OpenQuestion(questions, spans, byId("question"));
    this.state = { ...PLAIN };
    byId("filters").append(...this.controls());
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("questions").addEventListener("keydown", (event) => this.key(event));
    byId("list").addEventListener("click", (event) => this.followRow(event));
    window.addEventListener("popstate", () => this.restore());
    byId("browser").hidden = false;
    this.restore();
  }

  controls() {
    const { questions } = this, { systems, pairs } = questions;
    const search = make("input", { type: "search", name: "text", placeholder: "questions, contexts, answers, ids", autocomplete: "off", spellcheck: "false", input: () => this.change("text") });
    const found = [labelled("Search", search, "find")];
    if (pairs.length) found.push(this.menu("outcome", "Outcome", [["", "all"], ...pairs.flatMap((pair) => this.outcomes(pair.other))]));
    if (systems.length > 1) found.push(this.menu("system", "Of system", systems.map((s, k) => [String(k), `${s.letter} ${s.name}`])));
    found.push(this.menu("kind", "Kind", [["", "all"]]), this.menu("slice", "Slice", this.slices()));
    const sorts = [["", "as in the data"], ["f1", "F1, lowest first"], ["f1-down", "F1, highest first"],
      ["score-down", "score, highest first"], ["score", "score, lowest first"],
      ["odds-down", "null odds, highest first"], ["odds", "null odds, lowest first"]];
    if (pairs.length) sorts.push(["apart", "furthest apart in F1"], ["telling", "most telling (of an outcome)"]);
    found.push(this.menu("sort", "Sort", sorts), make("button", { type: "button", text: "Clear", click: () => this.go({ ...PLAIN, q: this.state.q }) }));
    return found;
  }

  menu(name, label, options) {
    const select = make("select", { name, change: () => this.change(name) });
    fill(select, options);
    return labelled(label, select);
  }

  outcomes(other) {
    const { systems, count: rows } = this.questions, a = systems[0].letter, b = systems[other].letter;
    const numbers = [0, 0, 0, 0];
    for (let row = 0; row < rows; row++) numbers[this.questions.of("outcome", other)[row]]++;
    const names = [`${b} right, ${a} wrong`, `${a} right, ${b} wrong`, `${a} and ${b} wrong, differently`];
    return names.map((text, k) => [`${OUTCOMES[k]}.${other}`, `${text} (${count(numbers[k + 1])})`]);
  }

  slices() {
    const groups = new Map();
    this.questions.slices.forEach(([slicer, name, number], k) => {
      if (!groups.has(slicer)) groups.set(slicer, []);
      groups.get(slicer).push([String(k), `${name} (${count(number)})`]);
    });
    return [["", "all"], ...[...groups].map(([slicer, options]) => ({ group: slicer.replaceAll("-", " "), options }))];
  }

  kinds() {
    const { questions, state } = this, numbers = new Array(questions.kinds.length).fill(0);
    for (let row = 0; row < questions.count; row++) numbers[questions.kind(row, state.system)]++;
    const each = questions.kinds.map(([kind], k) => [String(k), `${kind} (${count(numbers[k])})`]).filter((_, k) => numbers[k]);
    return [["", "all"], ["right", "right"], ["wrong", "wrong"], { group: "kinds", options: each }];
  }

  /** A control was changed. */
  change(name) {
    const sort = name === "outcome" ? { sort: this.control("outcome").value ? "telling" : "" } : {};
    this.go({ ...this.state, [name]: this.control(name).value, page: "0", ...sort }, false);
  }

  control(name) { return byId("filters").elements.namedItem(name); }

  /** Take a state, and write it into the address: as a new step for Back where a question opens or closes. */
  go(state, step = state.q !== this.state.q) {
    const changed = Object.entries(state).filter(([key, value]) => value !== PLAIN[key]);
    const address = changed.length ? `#${new URLSearchParams(changed)}` : location.pathname + location.search;
    history[step ? "pushState" : "replaceState"](null, "", address);
    this.take(state);
  }

  /** Take the state that the address holds; an address of something else on the page is not ours. */
  restore() {
    const address = location.hash.slice(1);
    if (address && !address.includes("=")) return this.found || this.take(this.state);
    const known = [...new URLSearchParams(address)].filter(([key]) => key in PLAIN);
    const state = { ...PLAIN, ...Object.fromEntries(known) };
    if (!this.questions.systems[state.system]) state.system = "0";
    return this.take(state);
  }

  take(state) {
    const before = this.state, first = !this.found;
    this.state = state;
    if (first || state.system !== before.system) fill(this.control("kind"), this.kinds());
    for (const name of ["text", "system", "kind", "slice", "outcome", "sort"]) {
      const control = this.control(name);
      if (control && control.value !== state[name]) control.value = state[name];
    }
    const same = ["text", "system", "kind", "slice", "outcome", "sort"].every((name) => state[name] === before[name]);
    if (first || !same) this.found = this.questions.find(state);
    if (first || !same || state.page !== before.page) this.list();
    if (first || state.q !== before.q) this.openQuestion(before.q);
    this.mark();
  }

  list() {
    const { found, questions } = this, all = questions.count, pages = Math.max(1, Math.ceil(found.length / PAGE));
    const page = Math.min(Math.max(0, Number(this.state.page) || 0), pages - 1), from = page * PAGE;
    const rows = found.slice(from, from + PAGE);
    byId("list").replaceChildren(...rows.map((row) => this.row(row)));
    byId("list").setAttribute("start", from + 1);
    const left = questions.total > all ? `; ${count(questions.total - all)} more that all have right are left out` : "";
    byId("count").textContent = `${count(found.length)} of ${count(all)} questions${left}`;
    const to = (text, target) => make("button", { type: "button", text, disabled: target < 0 || target >= pages,
      click: () => { this.go({ ...this.state, page: String(target) }); byId("list").querySelector("a")?.focus(); } });
    byId("pager").replaceChildren(to("Previous", page - 1),
      make("span", { text: found.length ? `${count(from + 1)} to ${count(from + rows.length)} of ${count(found.length)}` : "No question fits." }), to("Next", page + 1));
  }

  row(row) {
    const { questions } = this;
    const outcomes = questions.systems.map((system, k) => {
      const right = questions.isRight(row, k), mark = make("span", { class: right ? "right" : "wrong" });
      mark.textContent = `${right ? "✓" : "✗"} ${questions.kinds[questions.kind(row, k)][0]}`;
      const f1 = questions.of("f1", k)[row], partly = f1 > 0 && f1 < 1 ? ` F1 ${fixed(f1, 2)}` : "";
      return make("span", {}, questions.systems.length > 1 ? letter(questions, k) : "", " ", mark, partly);
    });
    return make("li", {}, make("a", { class: "row", href: `#${new URLSearchParams([["q", questions.id(row)]])}`, "data-row": row },
      make("span", { class: "asked", dir: "auto", text: questions.asked(row) }), make("span", { class: "outcomes" }, ...outcomes)));
  }

  followRow(event) {
    const link = event.target.closest("a.row");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    this.go({ ...this.state, q: this.questions.id(Number(link.dataset.row)) });
  }

  mark() {
    const open = this.questions.rowOf.get(this.state.q);
    for (const link of byId("list").querySelectorAll("a.row")) {
      if (Number(link.dataset.row) === open) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  async openQuestion(before) {
    const { q } = this.state, row = this.questions.rowOf.get(q);
    byId("browser").classList.toggle("opened", q !== "");
    if (row === undefined) {
      this.hint(q);
      const link = byId("list").querySelector(`a[data-row="${this.questions.rowOf.get(before)}"]`);
      if (before) (link ?? this.control("text")).focus();
      return;
    }
    await this.open.show(row, this.tools(row));
    if (this.state.q !== q) return;
    byId("asked").focus({ preventScroll: true });
    const place = byId("question"), wide = getComputedStyle(place).position === "sticky";
    place.scrollTop = 0;
    (wide && before ? place : byId(wide ? "questions" : "question")).scrollIntoView({ block: wide && before ? "nearest" : "start", behavior: "instant" });
  }

  hint(q) {
    const keys = [["/", "searches"], ["↓ ↑", "walk the list"], ["n p", "next and previous question"], ["Esc", "closes"]];
    const text = q ? `This page holds no question ${q}.` : "Choose a question: its context opens here, with every answer marked in it.";
    byId("question").replaceChildren(make("p", { class: "hint", text }),
      make("p", { class: "hint" }, ...keys.flatMap(([key, does], i) => [i ? " · " : "", make("kbd", { text: key }), ` ${does}`])));
  }

  tools(row) {
    const at = this.found.indexOf(row), button = (text, target, kind = null) =>
      make("button", { type: "button", text, class: kind, disabled: target === undefined, click: () => this.go({ ...this.state, q: target }) });
    const id = (k) => (this.found[k] === undefined || at < 0 ? undefined : this.questions.id(this.found[k]));
    return make("div", { class: "tools" }, button("Back to the list", "", "back"), button("Previous", id(at - 1)), button("Next", id(at + 1)), button("Close", "", "close"));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && this.state.q) this.go({ ...this.state, q: "" });
    else if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "radio") return;
    else if (event.key === "/") this.control("text").focus();
    else if (event.key === "n" || event.key === "p") this.step(event.key === "n" ? 1 : -1);
    else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && event.target.classList.contains("row")) this.walk(event.key === "ArrowDown" ? 1 : -1);
    else return;
    event.preventDefault();
  }

  step(by) {
    const at = this.found.indexOf(this.questions.rowOf.get(this.state.q)), row = this.found[at < 0 ? 0 : at + by];
    if (row === undefined) return;
    const page = String(Math.floor(this.found.indexOf(row) / PAGE));
    this.go({ ...this.state, q: this.questions.id(row), page });
  }

  walk(by) {
    const links = [...byId("list").querySelectorAll("a.row")];
    links[links.indexOf(document.activeElement) + by]?.focus();
  }
}

/** A control with its label above it. */
function labelled(text, control, kind = null) {
  control.id = `control-${control.name}`;
  return make("div", { class: kind ? `field ${kind}` : "field" }, make("label", { for: control.id, text }), control);
}

/** Put options into a menu: [value, text] each, or a group of them. */
function fill(select, options) {
  const option = ([value, text]) => make("option", { value, text });
  select.replaceChildren(...options.map((each) => (each.group ? make("optgroup", { label: each.group }, ...each.options.map(option)) : option(each))));
}
