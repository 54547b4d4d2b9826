"use strict";
// The page works without this: it adds the word filter and the download.
(() => {
  const rows = [...document.querySelectorAll("#questions details")];
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

  const reveal = () => {
    const body = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const row = body && body.closest("#questions details");
    if (!row) return;
    document.getElementById("show-all").checked = true;
    row.hidden = false;
    row.open = true;
    row.scrollIntoView({ block: "start" });
    row.querySelector("summary").focus({ preventScroll: true });
  };
  addEventListener("hashchange", reveal);
  reveal();

  const button = document.getElementById("download");
  button.hidden = false;
  button.addEventListener("click", () => {
    const data = JSON.parse(document.getElementById("data").textContent);
    for (const question of data.questions) {
      const body = document.getElementById("q-" + question.id);
      const answer = body.querySelector(".answer");
      question.answer = answer && answer.textContent;
      question.chunks = question.chunks.map(([title, score, level], i) => ({
        title, score, level, text: body.querySelectorAll(".chunks .text")[i].textContent,
      }));
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(data, null, 1)], { type: "application/json" }));
    link.download = data.run.run_id + ".json";
    link.click();
    URL.revokeObjectURL(link.href);
  });
})();
