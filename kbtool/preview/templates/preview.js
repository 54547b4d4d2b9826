"use strict";
// The page works without this: it adds the word filter, and "/" to get to it.
(() => {
  const rows = [...document.querySelectorAll("#pages > details")];
  const filter = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const words = new Map(rows.map((row) => [
    row, (row.dataset.words + " " + row.querySelector(".ask").textContent).toLowerCase(),
  ]));
  filter.parentElement.hidden = false;
  filter.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !wanted.every((word) => words.get(row).includes(word));
    shown.textContent = wanted.length ? rows.filter((row) => !row.hidden).length + " match" : "";
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.matches("input")) return;
    event.preventDefault();
    filter.focus();
  });
})();
