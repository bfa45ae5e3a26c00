/** Draw the charts in the page's colours, and again when those change. */
class Charts {
  constructor(specs) {
    this.specs = specs;
    this.figures = [...document.querySelectorAll("figure[data-chart]")];
    for (const figure of this.figures) figure.querySelector("select")?.addEventListener("change", () => this.choose(figure));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.drawAll());
  }

  async drawAll() {
    for (const figure of this.figures) await this.draw(figure);
    document.documentElement.dataset.charts = "drawn";
  }

  view(figure) { return Number(figure.querySelector(".view select")?.value ?? 0); }

  choose(figure) {
    figure.querySelectorAll(".numbers").forEach((table, k) => { table.hidden = k !== this.view(figure); });
    return this.draw(figure);
  }

  async draw(figure) {
    const spec = this.specs[Number(figure.dataset.chart)][this.view(figure)];
    const place = figure.querySelector(".chart");
    this.drawn ??= new Map();
    this.drawn.get(place)?.finalize();
    const result = await vegaEmbed(place, { ...structuredClone(spec), config: this.theme(place.clientWidth, namesOf(spec)) }, {
      ast: true, actions: false, renderer: "svg", defaultStyle: false, tooltip: { disableDefaultStyle: true },
    });
    this.drawn.set(place, result);
  }

  /** The page's colours and type, and what there is room for. */
  theme(width, names) {
    const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const [ink, soft, line] = ["ink", "soft", "line"].map(colour), series = [0, 1, 2, 3, 4, 5, 6, 7].map((k) => colour(`s${k}`));
    const font = getComputedStyle(document.body).fontFamily;
    const axis = { labelColor: soft, titleColor: soft, domainColor: line, tickColor: line, gridColor: line, gridOpacity: 0.6, labelFontSize: 12, titleFontSize: 12, titleFontWeight: 400, titlePadding: 8 };
    const narrow = width < 480, longest = Math.max(0, ...names.map((name) => name.length));
    const columns = Math.max(1, Math.floor(width / (Math.min(longest, 45) * 7 + 40)));
    return {
      background: "transparent", font, axis, axisY: { titleAngle: 0, titleAlign: "left", titleAnchor: "start", titleX: 0, titleY: -10, titleBaseline: "bottom", tickCount: 5 }, axisX: { tickCount: narrow ? 3 : 6, labelOverlap: true },
      axisBand: { labelLimit: narrow ? 0.4 * width : 230 },
      legend: { labelColor: ink, labelFontSize: 12, labelLimit: Math.min(320, width - 40), symbolStrokeWidth: 2, columns },
      view: { stroke: null }, range: { category: series }, line: { strokeWidth: 2, color: series[0] },
      point: { color: series[0] }, rule: { color: series[0] }, text: { color: ink }, bar: { color: series[0] }, style: { guide: { stroke: soft, color: soft, strokeWidth: 1 } },
    };
  }
}

/** The names in a chart's legend. */
function namesOf(spec) {
  return spec.layer.map((layer) => layer.encoding.color?.legend?.values).find(Boolean) ?? [];
}
