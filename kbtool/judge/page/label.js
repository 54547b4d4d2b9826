// Keys for the form: y, n, u answer the question that is next, Enter saves, the arrows turn pages.
"use strict";

const groups = [...document.querySelectorAll("fieldset")];
const isAnswered = (group) => group.querySelector("input:checked") !== null;
let active = null;

function activate(group) {
  groups.forEach((one) => one.classList.toggle("active", one === group));
  active = group;
  const radio = group && (group.querySelector("input:checked") || group.querySelector("input"));
  if (radio) radio.focus({ preventScroll: false });
}

function goOn() {
  const open = groups.slice(groups.indexOf(active) + 1).find((group) => !isAnswered(group)) || groups.find((group) => !isAnswered(group));
  if (open) activate(open);
  else document.getElementById("save").focus();
}

document.addEventListener("focusin", (event) => {
  const group = event.target.closest("fieldset");
  groups.forEach((one) => one.classList.toggle("active", one === group));
  if (group) active = group;
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("textarea, summary")) return;
  const key = event.key.toLowerCase();
  const radio = active && active.querySelector(`input[data-key="${CSS.escape(key)}"]`);
  if (radio) {
    radio.checked = true;
    event.preventDefault();
    goOn();
  } else if (event.key === "Enter" && event.target.matches("input[type=radio], body")) {
    event.preventDefault();
    document.querySelector("form")?.requestSubmit();
  } else if ((event.key === "ArrowLeft" || event.key === "ArrowRight")) {
    const link = document.getElementById(event.key === "ArrowLeft" ? "previous" : "next");
    if (link) {
      event.preventDefault();
      link.click();
    }
  }
});

if (groups.length) activate(groups.find((group) => !isAnswered(group)) || groups[0]);
