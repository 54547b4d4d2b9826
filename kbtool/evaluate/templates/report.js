"use strict";
// The page works without this: it adds the word filter, the order of the rows and the download.
(() => {
  const rows = [...document.querySelectorAll("#questions details")];
  const filter = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const words = new Map(rows.map((row) => [
    row, (row.querySelector(".body .quiet").textContent + " " + row.querySelector(".ask").textContent).toLowerCase(),
  ]));
  for (const label of document.querySelectorAll(".scripted")) label.hidden = false;
  filter.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !wanted.every((word) => words.get(row).includes(word));
    shown.textContent = wanted.length ? rows.filter((row) => !row.hidden).length + " match" : "";
  });

  // What a row does not have comes last.
  const known = (row, name, missing) => row.dataset[name] === undefined ? missing : Number(row.dataset[name]);
  const orders = {
    order: (a, b) => rows.indexOf(a) - rows.indexOf(b),
    id: (a, b) => words.get(a) < words.get(b) ? -1 : 1,
    rank: (a, b) => known(a, "rank", 1e9) - known(b, "rank", 1e9),
    score: (a, b) => known(b, "score", -1e9) - known(a, "score", -1e9),
    wait: (a, b) => known(b, "wait", -1) - known(a, "wait", -1),
  };
  const sort = document.getElementById("sort");
  sort.addEventListener("change", () => {
    const list = document.getElementById("rows");
    list.append(...[...rows].sort(orders[sort.value]));
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
      const items = body.querySelectorAll(".chunks li");
      question.chunks = (question.chunks || []).map(([score, level], i) => ({
        title: items[i].querySelector(".title").textContent, score, level,
        text: items[i].querySelector(".text").textContent,
      }));
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(data, null, 1)], { type: "application/json" }));
    link.download = data.run.run_id + ".json";
    link.click();
    URL.revokeObjectURL(link.href);
  });
})();
