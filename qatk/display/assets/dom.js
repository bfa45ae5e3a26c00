/** An element: a name, its attributes (`text` is its text; functions listen to events), and its children. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") element.textContent = value;
    else if (typeof value === "function") element.addEventListener(key, value);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

const byId = (id) => document.getElementById(id);
const count = (number) => number.toLocaleString("en");
const fixed = (number, digits) => (Number.isFinite(number) ? number.toFixed(digits) : Number.isNaN(number) ? "-" : number > 0 ? "∞" : "-∞");
const plus = (number, digits) => (number > 0 ? "+" : "") + fixed(number, digits);
