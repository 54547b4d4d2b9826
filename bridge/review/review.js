// The review page: follows the conversation that is open in Chatwoot, keeps what is being written, adds keys.
// All that it takes from Chatwoot's message is which conversation to show: the server asks who may see it.
"use strict";

const FETCH = "chatwoot-dashboard-app:fetch-info";
const isFramed = window.parent !== window;
const main = () => document.getElementById("main");
const fact = (name) => main().dataset[name] || "";
const editor = () => document.getElementById("text");
let hasReported = false;
let isBusy = false;

function say(sentence) {
  const said = document.getElementById("said");
  said.textContent = "";
  setTimeout(() => { said.textContent = sentence; }, 50);
}

// What is being written outlives a look at another conversation, and the network.
function stored(key, value) {
  try {
    if (value === undefined) return sessionStorage.getItem(key);
    if (value === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, value);
  } catch { /* the browser keeps nothing here */ }
  return null;
}

function original() {
  return document.getElementById("original").content.textContent;
}

function noteEdit() {
  const text = editor();
  const isEdited = text.value !== original();
  document.getElementById("send-name").textContent = isEdited ? text.dataset.edit : text.dataset.send;
  document.getElementById("back").hidden = !isEdited;
  stored(text.dataset.key, isEdited ? text.value : null);
}

function dress() {
  for (const link of document.querySelectorAll(".framed")) link.hidden = !isFramed;
  localTimes(main());
  const text = editor();
  if (!text) return;
  const kept = stored(text.dataset.key);
  if (kept !== null) text.value = kept;
  text.addEventListener("input", noteEdit);
  document.getElementById("back").addEventListener("click", () => {
    text.value = original();
    noteEdit();
    text.focus();
  });
  noteEdit();
}

// Puts the main part of a page of ours in the place of the one that is shown.
async function put(response, address) {
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const next = page.getElementById("main");
  if (!next) throw new Error("not a page of ours");
  main().replaceWith(document.adoptNode(next));
  document.querySelector("header.top").replaceWith(document.adoptNode(page.querySelector("header.top")));
  document.title = page.title;
  if (address) history.replaceState(null, "", address);
  dress();
}

function tellOutcome() {
  const outcome = main().querySelector(".outcome .notice") || main().querySelector("h1");
  if (outcome) say(outcome.textContent.trim());
}

async function go(address) {
  if (isBusy) return;
  isBusy = true;
  try {
    const text = editor();
    const at = text && document.activeElement === text ? [text.dataset.key, text.selectionStart] : null;
    await put(await fetch(address), address);
    if (at && editor() && editor().dataset.key === at[0]) {
      editor().focus();
      editor().setSelectionRange(at[1], at[1]);
    }
  } catch {
    say(fact("offline"));
  } finally {
    isBusy = false;
  }
}

async function submit(form) {
  if (isBusy) return;
  isBusy = true;
  const button = form.querySelector("button.strong, button");
  const key = editor() ? editor().dataset.key : "";
  button.disabled = true;
  try {
    const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (response.ok && key) stored(key, null);
    await put(response, null);
    tellOutcome();
    main().focus({ preventScroll: true });
    window.scrollTo(0, 0);
  } catch {
    button.disabled = false;
    say(fact("offline"));
  } finally {
    isBusy = false;
  }
}

function report(origin) {
  if (hasReported || !fact("passOut")) return;
  hasReported = true;
  const body = new URLSearchParams({ pass: fact("passOut"), origin });
  fetch(`${fact("prefix")}/forged`, { method: "POST", body }).catch(() => {});
}

function read(data) {
  try {
    const said = typeof data === "string" ? JSON.parse(data) : data;
    return said && said.event === "appContext" ? said.data : null;
  } catch {
    return null;
  }
}

window.addEventListener("message", (event) => {
  const told = read(event.data);
  if (!told) return;
  if (!isFramed || event.source !== window.parent || event.origin !== fact("desk")) {
    report(event.origin);
    return;
  }
  const { id, account_id: account } = told.conversation || {};
  if (!Number.isSafeInteger(id) || !Number.isSafeInteger(account) || !fact("passOut")) return;
  if (fact("place") !== `${account}/${id}`) go(`${fact("prefix")}/c/${account}/${id}${fact("query")}`);
});

// Chatwoot 4.15 does not tell when another conversation is opened: it is asked.
function ask() {
  if (isFramed && document.visibilityState === "visible") window.parent.postMessage(FETCH, fact("desk"));
}

async function look() {
  if (!fact("place") || isBusy || document.visibilityState !== "visible") return;
  const here = `${fact("prefix")}/c/${fact("place")}`;
  try {
    const answer = await (await fetch(`${here}/version?pass=${fact("pass")}`)).json();
    if (answer.version && answer.version !== fact("version") && !isBusy) {
      await go(here + fact("query"));
      say(fact("changed"));
    } else if (answer.version && answer.version.includes(":sending:")) {
      await go(here + fact("query"));
    }
  } catch { /* asked again soon */ }
}

document.addEventListener("submit", (event) => {
  if (!event.target.closest("main") || event.target.action.endsWith("/in")) return;
  if (!fact("place")) return;
  event.preventDefault();
  submit(event.target);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const form = document.getElementById("answer");
    if (form && !document.getElementById("send").disabled) {
      event.preventDefault();
      form.requestSubmit();
    }
  } else if (event.altKey && event.code === "KeyX") {
    const discard = document.getElementById("discard");
    if (discard) {
      event.preventDefault();
      discard.open = true;
      discard.querySelector("input[type=radio]").focus();
    }
  } else if (event.key === "Escape") {
    const discard = document.getElementById("discard");
    if (discard && discard.open && discard.contains(document.activeElement)) {
      discard.open = false;
      discard.querySelector("summary").focus();
    } else if (editor() && document.activeElement === editor() && !document.getElementById("back").hidden) {
      document.getElementById("back").click();
    }
  }
});

dress();
ask();
// Whoever comes back to the page sees at once what is so now.
for (const name of ["focus", "visibilitychange"]) {
  window.addEventListener(name, () => { ask(); look(); });
}
setInterval(ask, 2000);
setInterval(look, 3000);
