// j and k move between topics; on a topic's page 1 to 4 choose a section. Everything works without.
"use strict";
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input[type=text], textarea, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const rows = [...document.querySelectorAll("[data-row] a.ask")];
  const at = rows.indexOf(document.activeElement);
  if (event.key === "j" && rows.length) rows[Math.min(at + 1, rows.length - 1)].focus();
  if (event.key === "k" && rows.length) rows[Math.max(at - 1, 0)].focus();
  const place = document.querySelectorAll("input[name=place]")[Number(event.key) - 1];
  if (place) { place.checked = true; place.focus(); }
});
