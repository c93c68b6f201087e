// Draws the columns of a table that ask for it, one small plot each. Without it the table says the same.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const place = document.querySelector("[data-edu-plots]");
  if (!place || typeof uPlot === "undefined") return;
  const table = document.getElementById(place.dataset.eduPlots);
  const rows = [...table.tBodies[0].rows];
  const days = rows.map((row) => row.cells[0].textContent.trim());
  const at = days.map((_, index) => index);
  const first = table.tHead.rows[0].cells[0].textContent.trim();
  const columns = [...table.tHead.rows[0].cells]
    .map((cell, index) => ({ cell, index }))
    .filter(({ cell }) => "eduPlot" in cell.dataset)
    .map(({ cell, index }) => ({
      title: cell.textContent.trim(),
      values: rows.map((row) => (row.cells[index].textContent.trim() === "" ? null : Number(row.cells[index].textContent))),
    }))
    .filter(({ values }) => values.some((value) => value));

  const HEIGHT = 170;
  let plots = [];

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function options({ title }, width) {
    const axis = { stroke: colour("--bs-body-color"), grid: { stroke: colour("--bs-border-color"), width: 1 }, ticks: { show: false } };
    const highlight = colour("--bs-primary");
    return {
      title,
      width,
      height: HEIGHT,
      scales: { x: { time: false, range: [-0.5, at.length - 0.5] }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
      axes: [
        { ...axis, size: 30, grid: { show: false }, incrs: [1, 2, 7, 14, 28, 56, 112], space: 60, values: (_, splits) => splits.map((one) => days[one] ?? "") },
        { ...axis, size: 48 },
      ],
      series: [
        { label: first, value: (_, one) => days[one] ?? "" },
        { label: title, stroke: highlight, fill: highlight, paths: uPlot.paths.bars({ size: [0.7, 40] }), points: { show: false } },
      ],
      cursor: { y: false, drag: { setScale: false } },
    };
  }

  function draw() {
    for (const plot of plots) plot.destroy();
    place.replaceChildren();
    plots = columns.map((column) => {
      const box = place.appendChild(document.createElement("div"));
      box.setAttribute("role", "img");
      box.setAttribute("aria-label", `${column.title} ${place.dataset.eduSays}`);
      return new uPlot(options(column, box.clientWidth), [at, column.values], box);
    });
  }

  draw();
  // The colours are those of the page, which may change, and so may its width.
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  let width = place.clientWidth;
  new ResizeObserver(() => {
    if (place.clientWidth !== width) {
      width = place.clientWidth;
      draw();
    }
  }).observe(place);
});
