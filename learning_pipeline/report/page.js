// Draws the charts of the page, and again when the page becomes narrow or wide.
const specs = JSON.parse(document.getElementById("specs").textContent);
const narrow = matchMedia("(max-width: 600px)");
const ink = { labelColor: "currentColor", titleColor: "currentColor" };

function config() {
  const label = narrow.matches ? 110 : 230;
  return {
    font: "system-ui, 'Segoe UI', Roboto, Arial, sans-serif",
    background: null,
    padding: 2,
    view: { stroke: null },
    axis: {
      ...ink, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal", titleOpacity: 0.75, labelLimit: label,
      gridColor: "currentColor", gridOpacity: 0.12, domainColor: "currentColor", domainOpacity: 0.35,
      tickColor: "currentColor", tickOpacity: 0.35,
    },
    axisY: { domain: false },
    legend: {
      ...ink, orient: "bottom", direction: "horizontal", columns: narrow.matches ? 2 : 4, labelFontSize: 12,
      labelLimit: narrow.matches ? 130 : 240, symbolOpacity: 1,
    },
  };
}

async function draw(place) {
  const spec = specs[place.dataset.chart];
  await window.vegaEmbed(place, spec, {
    actions: false, renderer: "svg", ast: true, defaultStyle: false, config: config(),
    tooltip: { theme: "page", disableDefaultStyle: true },
  });
}

async function drawAll() {
  for (const place of document.querySelectorAll("[data-chart]")) {
    await draw(place);
  }
  document.documentElement.dataset.drawn = "yes";
}

narrow.addEventListener("change", drawAll);
await drawAll();
