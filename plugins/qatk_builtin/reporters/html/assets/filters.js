const PLAIN = { text: "", system: "A", kind: "", slice: "", outcome: "", sort: "", page: "0", q: "" };
const FILTERS = ["text", "system", "kind", "slice", "outcome", "sort"];
const SORTED = { f1: "F1", score: "score", odds: "null odds" };  // columns to sort by

/** The controls above the list: what they offer, and so what a state may say. */
class Filters {
  constructor(questions, form, changed) {
    this.questions = questions;
    this.form = form;
    this.changed = changed;
    form.append(...this.controls());
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  controls() {
    const { systems, pairs } = this.questions;
    const search = make("input", { type: "search", name: "text", placeholder: "questions, contexts, answers, ids", autocomplete: "off", spellcheck: "false", input: () => this.change("text") });
    const found = [labelled("Search", search, "find")];
    if (pairs.length) found.push(this.menu("outcome", "Outcome"));
    if (systems.length > 1) found.push(this.menu("system", "System"));
    found.push(this.menu("kind", "Kind"), this.menu("slice", "Slice"), this.menu("sort", "Sort"));
    found.push(make("button", { type: "button", text: "Clear", click: () => this.changed({ ...PLAIN }) }));
    return found;
  }

  menu(name, label) { return labelled(label, make("select", { name, change: () => this.change(name) })); }

  control(name) { return this.form.elements.namedItem(name); }

  /** A control was changed: its value, and the sort that goes with an outcome where none was chosen. */
  change(name) {
    const value = this.control(name).value, sort = name === "outcome" && value && !this.control("sort").value;
    this.changed({ [name]: value, ...(sort ? { sort: "telling" } : {}) });
  }

  /** Show a state; what the controls do not offer is left out of it. */
  take(wanted) {
    const state = { ...wanted };
    for (const name of FILTERS) {
      const control = this.control(name);
      if (control?.tagName === "SELECT") {
        if (this.isStale(name, state)) fill(control, this[name](state));
        if (![...control.options].some((option) => option.value === state[name])) state[name] = PLAIN[name];
      } else if (!control) state[name] = PLAIN[name];
      if (control && control.value !== state[name]) control.value = state[name];
    }
    this.shown = state;
    return state;
  }

  /** Whether what a menu offers hangs on something that a state changes. */
  isStale(name, state) {
    const on = { kind: ["system"], sort: ["system", "outcome"] }[name] ?? [];
    return !this.shown || on.some((other) => state[other] !== this.shown[other]);
  }

  outcome() {
    const { systems, pairs } = this.questions, a = systems[0].letter;
    return [["", "all"], ...pairs.flatMap(({ other }) => {
      const b = systems[other].letter, numbers = this.questions.tally("outcome", other, OUTCOMES.length + 1);
      const names = [`${b} right, ${a} wrong`, `${a} right, ${b} wrong`, `${a} and ${b} wrong in different ways`];
      return names.map((text, k) => [`${OUTCOMES[k]}.${b}`, `${text} (${count(numbers[k + 1])})`]);
    })];
  }

  system() { return this.questions.systems.map((system) => [system.letter, `${system.letter} ${system.name}`]); }

  /** The kinds that any system has, with their numbers of this one, so that a choice outlives a change of system. */
  kind({ system }) {
    const { questions } = this, numbers = questions.systems.map((_, k) => questions.tally("kind", k, questions.kinds.length));
    const own = numbers[questions.systemOf(system)];
    const each = questions.kinds.map(([kind], k) => [kind, `${kind} (${count(own[k])})`]);
    return [["", "all"], ["right", "right"], ["wrong", "wrong"], { group: "kinds", options: each.filter((_, k) => numbers.some((of) => of[k])) }];
  }

  slice() {
    const groups = new Map();
    for (const [slicer, name, number] of this.questions.slices) {
      if (!groups.has(slicer)) groups.set(slicer, []);
      groups.get(slicer).push([`${slicer}: ${name}`, `${name} (${count(number)})`]);
    }
    return [["", "all"], ...[...groups].map(([slicer, options]) => ({ group: slicer.replaceAll("-", " "), options }))];
  }

  sort({ system, outcome }) {
    const { questions } = this, known = Object.keys(SORTED).filter((name) => questions.knows(name, questions.systemOf(system)));
    const both = known.flatMap((name) => [[name, `${SORTED[name]}, lowest first`], [`${name}-down`, `${SORTED[name]}, highest first`]]);
    return [["", "order of the data"], ...both, ...(questions.pairs.length ? [["apart", "largest difference in F1"]] : []), ...(outcome ? [["telling", "most informative"]] : [])];
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
