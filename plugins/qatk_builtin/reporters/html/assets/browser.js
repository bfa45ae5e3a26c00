const PAGE = 50;

/** The filters, the list of questions found, and the open one; all of its state stands in the address. */
class Browser {
  constructor(questions, spans) {
    this.questions = questions;
    this.open = new OpenQuestion(questions, spans, byId("question"));
    this.tools = this.toolbar();
    this.state = { ...PLAIN };
    this.filters = new Filters(questions, byId("filters"), (change) => this.go({ ...this.state, page: "0", ...change, q: this.state.q }, false));
    byId("questions").addEventListener("keydown", (event) => this.key(event));
    byId("list").addEventListener("click", (event) => this.followRow(event));
    document.querySelector(".skip").addEventListener("click", (event) => this.skip(event));
    window.addEventListener("popstate", () => this.restore());
    byId("browser").hidden = false;
    this.restore();
  }

  /** Take a state, and write it into the address: as a new step for Back where a question opens or closes. */
  go(state, step = state.q !== this.state.q) {
    this.take(state);
    history[step ? "pushState" : "replaceState"](null, "", this.address(this.state) || location.pathname + location.search);
  }

  address(state) {
    const changed = Object.entries(state).filter(([key, value]) => value !== PLAIN[key]);
    return changed.length ? `#${new URLSearchParams(changed)}` : "";
  }

  /** Take the state that the address holds; an address of something else on the page is not ours. */
  restore() {
    const address = location.hash.slice(1);
    if (address && !address.includes("=")) return this.found || this.take(this.state);
    const known = [...new URLSearchParams(address)].filter(([key]) => key in PLAIN);
    return this.take({ ...PLAIN, ...Object.fromEntries(known) });
  }

  take(wanted) {
    const before = this.state, first = !this.found, state = this.filters.take(wanted);
    const same = !first && FILTERS.every((name) => state[name] === before[name]), opens = first || state.q !== before.q;
    if (!same) this.found = this.questions.find(state);
    this.state = state;
    if (opens && this.at >= 0) state.page = String(Math.floor(this.at / PAGE));
    if (!same || state.page !== before.page) this.list();
    this.mark(opens);
    this.updateTools();
    if (opens) this.openQuestion(before.q).catch(tell("question"));
  }

  /** The row of the open question, undefined where none is. */
  get row() { return this.questions.rowOf.get(this.state.q); }

  /** Where the open question stands among those found, -1 where it does not. */
  get at() { return this.row === undefined ? -1 : this.found.indexOf(this.row); }

  list() {
    const { found, questions } = this, all = questions.count, pages = Math.max(1, Math.ceil(found.length / PAGE));
    const page = Math.min(Math.max(0, Number(this.state.page) || 0), pages - 1), from = page * PAGE;
    const rows = found.slice(from, from + PAGE), list = byId("list");
    list.replaceChildren(...rows.map((row) => this.line(row)));
    list.setAttribute("start", from + 1);
    list.scrollTop = 0;
    const left = questions.total > all ? `; ${count(questions.total - all)} more are left out` : "";
    byId("count").textContent = `${count(found.length)} of ${count(all)} questions${left}`;
    const to = (text, target) => make("button", { type: "button", text, disabled: target < 0 || target >= pages,
      click: () => { this.go({ ...this.state, page: String(target) }); list.querySelector("a")?.focus(); } });
    byId("pager").replaceChildren(to("Previous", page - 1),
      make("span", { text: found.length ? `${count(from + 1)} to ${count(from + rows.length)} of ${count(found.length)}` : "No matching question." }), to("Next", page + 1));
  }

  line(row) {
    const { questions } = this;
    const outcomes = questions.systems.map((system, k) => {
      const right = questions.isRight(row, k), mark = make("span", { class: right ? "right" : "wrong" });
      mark.textContent = `${right ? "✓" : "✗"} ${questions.kinds[questions.kind(row, k)][0]}`;
      const f1 = questions.of("f1", k)[row], partly = f1 > 0 && f1 < 1 ? ` F1 ${fixed(f1, 2)}` : "";
      return make("span", {}, questions.systems.length > 1 ? letter(questions, k) : "", " ", mark, partly, this.sortedBy(row, k));
    });
    return make("li", {}, make("a", { class: "row", href: this.address({ ...this.state, q: questions.id(row) }), "data-row": row },
      make("span", { class: "asked", dir: "auto", text: questions.asked(row) }), make("span", { class: "outcomes" }, ...outcomes)));
  }

  /** The score or odds that the list is sorted by. */
  sortedBy(row, system) {
    const [name] = this.state.sort.split("-"), shown = { score: fixed, odds: plus }[name];
    if (!shown || system !== this.questions.systemOf(this.state.system)) return "";
    return ` ${SORTED[name]} ${shown(this.questions.of(name, system)[row], 2)}`;
  }

  followRow(event) {
    const link = event.target.closest("a.row");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    this.go({ ...this.state, q: this.questions.id(Number(link.dataset.row)) });
  }

  /** Lead to the questions, and leave the address with its filters as it is. */
  skip(event) {
    event.preventDefault();
    byId("questions").focus();
    byId("questions").scrollIntoView();
  }

  /** Mark the open question in the list, and bring it into sight there. */
  mark(reveal) {
    const list = byId("list");
    for (const link of list.querySelectorAll("a.row")) {
      if (Number(link.dataset.row) === this.row) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    const current = reveal && list.querySelector("[aria-current]");
    if (!current) return;
    const inside = list.getBoundingClientRect(), place = current.getBoundingClientRect();
    list.scrollTop += Math.min(0, place.top - inside.top) || Math.max(0, place.bottom - inside.bottom);
  }

  async openQuestion(before) {
    const { q } = this.state, { row } = this;
    byId("browser").classList.toggle("opened", row !== undefined);
    byId("unknown").textContent = q && row === undefined ? `There is no question ${q} on this page.` : "";
    if (row === undefined) {
      this.hint();
      if (q) byId("questions").scrollIntoView({ behavior: "instant" });
      else if (before) (byId("list").querySelector(`a[data-row="${this.questions.rowOf.get(before)}"]`) ?? this.filters.control("text")).focus();
      return;
    }
    await this.open.show(row, this.tools.bar);
    if (this.state.q !== q) return;
    byId("asked").focus({ preventScroll: true });
    const place = byId("question"), wide = getComputedStyle(place).position === "sticky";
    place.scrollTop = 0;
    (wide && before ? place : byId(wide ? "questions" : "question")).scrollIntoView({ block: wide && before ? "nearest" : "start", behavior: "instant" });
  }

  hint() {
    this.open.drawn++;  // what is still being read is not drawn any more
    const keys = [["/", "search"], ["↓ ↑", "move in the list"], ["n p", "next and previous question"], ["Esc", "close"]];
    byId("question").replaceChildren(make("p", { class: "hint", text: "Choose a question to see its context with every answer marked." }),
      make("p", { class: "hint" }, ...keys.flatMap(([key, does], i) => [i ? " · " : "", make("kbd", { text: key }), ` ${does}`])));
  }

  /** The buttons above an open question. */
  toolbar() {
    const button = (text, click, kind = null) => make("button", { type: "button", text, class: kind, click });
    const close = () => this.go({ ...this.state, q: "" });
    const previous = button("Previous", () => this.step(-1)), next = button("Next", () => this.step(1));
    return { previous, next, bar: make("div", { class: "tools" }, button("Back to the list", close, "back"), previous, next, button("Close", close, "close")) };
  }

  updateTools() {
    this.tools.previous.disabled = this.beside(-1) === undefined;
    this.tools.next.disabled = this.beside(1) === undefined;
  }

  /** The row before or after the open question among those found; the first one comes after one that is not there. */
  beside(by) { return this.found[this.at < 0 && by < 0 ? -1 : this.at + by]; }

  step(by) {
    const row = this.beside(by);
    if (row !== undefined) this.go({ ...this.state, q: this.questions.id(row) });
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && this.state.q) this.go({ ...this.state, q: "" });
    else if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "radio") return;
    else if (event.key === "/") this.filters.control("text").focus();
    else if (event.key === "n" || event.key === "p") this.step(event.key === "n" ? 1 : -1);
    else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && event.target.classList.contains("row")) this.walk(event.key === "ArrowDown" ? 1 : -1);
    else return;
    event.preventDefault();
  }

  walk(by) {
    const links = [...byId("list").querySelectorAll("a.row")];
    links[links.indexOf(document.activeElement) + by]?.focus();
  }
}
