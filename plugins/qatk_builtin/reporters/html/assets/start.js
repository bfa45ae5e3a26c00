const read = (id) => JSON.parse(byId(id).textContent);

async function browse() {
  const about = read("about");
  if (typeof DecompressionStream === "undefined") throw new Error("this browser is too old: it lacks DecompressionStream");
  const questions = new Questions(about, await inflate(byId("rows").textContent));
  byId("rows").remove();
  let spans = null;
  const best = () => (spans ??= inflate(byId("best").textContent).then((bytes) => new BestSpans(about.columns.best, bytes, about.systems)));
  return new Browser(questions, best);
}

/** Tell what could not be drawn; the rest of the page goes on. */
const tell = (what) => (error) => {
  byId("questions").append(make("p", { class: "note", text: `The ${what} could not be drawn: ${error.message}` }));
  console.error(error);
};

async function start() {
  await browse().catch(tell("questions"));
  await new Charts(read("specs")).drawAll().catch(tell("charts"));
}

start();
