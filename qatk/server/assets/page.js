const KEY = "qatk-token";
let limits = { context: Infinity, question: Infinity };
let wanted = []; // models of a link, until it is known what models there are
let turn = 0; // so that answers to an earlier question do not come after those to a later one

const trouble = (text) => {
  byId("trouble").textContent = text;
};

async function call(path, body) {
  const headers = { "content-type": "application/json" };
  const token = byId("token").value || sessionStorage.getItem(KEY);
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await fetch(path, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers }).catch(() => {
    throw new Error("The server does not answer. Does it still run?");
  });
  const value = await answer.json().catch(() => {
    throw new Error(`What came back is not from qatk (status ${answer.status}).`);
  });
  if (answer.status === 401) {
    byId("locked").hidden = false;
    byId("token").focus();
    throw new Error(token ? "This is not the token of this server." : "This server needs its token.");
  }
  if (byId("token").value) sessionStorage.setItem(KEY, byId("token").value);
  if (!answer.ok) throw new Error([value.error, value.fix].filter(Boolean).join(": "));
  return value;
}

/** Learn what models there are; all are chosen where no link says which. */
async function learn() {
  const known = await call("models");
  limits = known.limits;
  const choices = known.models.map(({ name }) => make("label", {}, make("input", { type: "checkbox", value: name, checked: !wanted.length || wanted.includes(name) }), name));
  wanted = [];
  byId("models").replaceChildren(make("legend", { class: "unseen", text: "Models" }), ...choices);
  byId("models").hidden = known.models.length < 2;
}

const boxes = () => [...document.querySelectorAll("#models input")];
const chosen = () => boxes().flatMap((box) => (box.checked ? [box.value] : []));
const stateNow = () => ({ text: byId("text").value, question: byId("asked").value, many: Number(byId("many").value), models: chosen() });

function fill(state) {
  byId("text").value = state.text;
  byId("asked").value = state.question;
  byId("many").value = String(state.many);
  if (byId("many").value === "") byId("many").value = "5";
  for (const box of boxes()) box.checked = !state.models.length || state.models.includes(box.value);
  if (!boxes().length) wanted = state.models;
  measure();
}

function measure() {
  byId("size").textContent = byId("text").value ? `${count(new Places(byId("text").value).length)} characters` : "";
}

/** What cannot be asked, in words; empty where it can. */
function wrong({ text, question, models }) {
  if (!text.trim()) return "There is no text: paste one, or open a file.";
  if (!question.trim()) return "There is no question.";
  if (!models.length) return "Choose a model.";
  if (new Places(text).length > limits.context) return `The text is too long: this server reads up to ${count(limits.context)} characters.`;
  if (new Places(question).length > limits.question) return `The question is too long: up to ${count(limits.question)} characters.`;
  return "";
}

/** Which models did not answer, and why; what keeps all of them from it is said once. */
function refused(found, models) {
  const reasons = found.map((each) => (each.status === "rejected" ? each.reason.message : ""));
  if (new Set(reasons).size === 1) return reasons[0];
  return reasons.flatMap((reason, k) => (reason ? [`${models[k]}: ${reason}`] : [])).join("\n");
}

/** Show what came below the form, where there is no room beside it. */
function meet(answers) {
  if (answers.getBoundingClientRect().top < window.innerHeight / 2) return;
  answers.focus({ preventScroll: true }); // so that the keys of a phone do not hide it
  answers.scrollIntoView();
}

async function ask({ remember }) {
  const mine = ++turn;
  trouble("");
  try {
    if (!boxes().length) await learn();
    const state = stateNow();
    const why = wrong(state);
    if (why) return trouble(why);
    byId("status").textContent = "Reading …";
    byId("go").disabled = true;
    const began = performance.now();
    const asked = (model) => call("answer", { question: state.question, context: state.text, model, top_k: state.many });
    const found = await Promise.allSettled(state.models.map(asked));
    if (mine !== turn) return;
    const cards = found.flatMap((each) => (each.status === "fulfilled" ? [new Card(state.text, each.value)] : []));
    byId("cards").replaceChildren(...cards.map((card) => card.element));
    for (const card of cards) card.reveal("mark");
    trouble(refused(found, state.models));
    const seconds = fixed((performance.now() - began) / 1000, 1);
    byId("status").textContent = cards.length ? `${cards.length === 1 ? "Answered" : `${cards.length} answers`} in ${seconds} s` : "";
    if (cards.length) meet(byId("answers"));
    if (remember) await link(state);
  } catch (error) {
    if (mine === turn) trouble(error.message);
  } finally {
    if (mine === turn) byId("go").disabled = false;
    if (byId("status").textContent === "Reading …") byId("status").textContent = "";
  }
}

/** Put the state into the address; whether it went in. */
async function link(state) {
  const fragment = await toFragment(state);
  const fits = fragment.length <= LONGEST_LINK;
  history.replaceState(null, "", fits ? fragment : location.pathname);
  return fits;
}

async function share() {
  if (!(await link(stateNow()))) return trouble("The text is too long for a link.");
  try {
    await navigator.clipboard.writeText(location.href);
    byId("status").textContent = "The link is copied.";
  } catch {
    byId("status").textContent = "The link is in the address of this page.";
  }
}

async function open(file) {
  trouble("");
  if (!file) return;
  if (file.size > 4 * limits.context) return trouble(`${file.name} is too large: this server reads up to ${count(limits.context)} characters.`);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    if (text.includes("\0")) throw new TypeError("NUL");
    byId("text").value = text;
    measure();
    byId("asked").focus();
  } catch {
    trouble(`${file.name} is no text in UTF-8.`);
  }
}

async function restore() {
  try {
    const state = await fromFragment(location.hash);
    if (!state) return;
    fill(state);
    await ask({ remember: false });
  } catch {
    trouble("The link is damaged.");
  }
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  ask({ remember: true });
});
byId("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("ask").requestSubmit();
});
byId("text").addEventListener("input", measure);
byId("share").addEventListener("click", share);
byId("file").addEventListener("change", (event) => {
  open(event.target.files[0]);
  event.target.value = "";
});
for (const name of ["dragover", "dragleave", "drop"]) {
  byId("text").addEventListener(name, (event) => {
    if (name === "dragleave" || !event.dataTransfer.types.includes("Files")) return byId("text").classList.remove("over");
    event.preventDefault();
    byId("text").classList.toggle("over", name === "dragover");
    if (name === "drop") open(event.dataTransfer.files[0]);
  });
}
window.addEventListener("hashchange", restore);
learn()
  .catch((error) => trouble(error.message))
  .finally(() => restore().finally(() => document.documentElement.setAttribute("data-ready", "")));
