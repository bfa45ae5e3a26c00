const read = (id) => JSON.parse(byId(id).textContent);

async function start() {
  const about = read("about");
  if (typeof DecompressionStream === "undefined") {
    byId("questions").append(make("p", { class: "note", text: "This browser is too old to unpack the questions: it lacks DecompressionStream." }));
  } else {
    const questions = new Questions(about, await inflate(byId("rows").textContent));
    byId("rows").remove();
    let spans = null;
    const best = () => (spans ??= inflate(byId("best").textContent).then((bytes) => new BestSpans(about.columns.best, bytes, about.systems)));
    new Browser(questions, best);
  }
  await new Charts(read("specs")).drawAll();
}

start().catch((error) => {
  byId("questions").append(make("p", { class: "note", text: `This page could not be drawn: ${error.message}` }));
  throw error;
});
