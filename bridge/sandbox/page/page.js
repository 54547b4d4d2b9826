"use strict";
// Asks the sandbox for both sides once a second and adds what is new. Every text goes in as textContent.
(() => {
  const byId = (id) => document.getElementById(id);
  const wanted = new URLSearchParams(location.search);
  const EVERY = 1000;
  const WORDS = JSON.parse(document.body.dataset.words);
  const STATES = {
    pending: WORDS.has_bot,
    open: WORDS.has_person,
    resolved: WORDS.resolved,
    snoozed: WORDS.snoozed,
  };
  let customer = sessionStorage.getItem("customer") || "";
  let selected = null;   // conversation on the desk; follows the customer's until one is chosen
  let chosen = false;
  let chat = null;

  const call = async (path, body) => {
    const options = body === undefined ? {} : {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    };
    const answer = await fetch(path, options);
    const content = answer.status === 204 ? null : await answer.json();
    if (!answer.ok) throw new Error(content.error || `${WORDS.answered} ${answer.status}`);
    return content;
  };
  const complain = (sentence) => {
    const problem = byId("problem");
    if (problem.textContent !== sentence) problem.textContent = sentence;
    problem.hidden = !sentence;
  };
  const element = (tag, text, className) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const update = (node, value) => { if (node.textContent !== value) node.textContent = value; };

  // One message, made once and brought up to date afterwards: a live region must not repeat itself.
  const makeMessage = (message) => {
    const node = byId("message-template").content.firstElementChild.cloneNode(true);
    node.classList.add(message.who);
    if (message.private) node.classList.add("private");
    const name = message.name || (message.who === "system" ? WORDS.automatic : "");
    node.querySelector(".name").textContent = message.private ? `${name} · ${WORDS.private}` : name;
    const time = node.querySelector("time");
    time.dateTime = message.at;
    time.textContent = new Date(message.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    return node;
  };
  // As the widget shows Markdown, as far as answers have it: bold, code and links, each a node of its own
  const INLINE = /\*\*([^*\n]+)\*\*|`([^`\n]+)`|\[([^\]\n]+)\]\((https?:\/\/[^\s)]+)\)/g;
  const marked = (text) => {
    const nodes = [];
    let end = 0;
    for (const match of text.matchAll(INLINE)) {
      nodes.push(text.slice(end, match.index));
      end = match.index + match[0].length;
      const node = match[1] ? element("strong", match[1]) : match[2] ? element("code", match[2])
        : element("a", match[3]);
      if (match[4]) {
        node.href = match[4];
        node.rel = "noreferrer";
        node.target = "_blank";
      }
      nodes.push(node);
    }
    return [...nodes, text.slice(end)];
  };
  const fill = (node, message, canChoose) => {
    const signature = JSON.stringify([message.text, message.items, message.chosen, message.files]);
    if (node.dataset.shown === signature) return;
    node.dataset.shown = signature;
    node.querySelector(".text").replaceChildren(...(message.who === "customer" ? [message.text] : marked(message.text)));
    const items = node.querySelector(".items");
    const taken = new Set((Array.isArray(message.chosen) ? message.chosen : []).map((item) => item.value));
    items.replaceChildren(...message.items.map((item) => {
      const button = element("button", item.title);
      button.type = "button";
      button.disabled = !canChoose || message.chosen !== null;
      button.setAttribute("aria-pressed", String(taken.has(item.value)));
      button.addEventListener("click", () => act(() =>
        call(`/sandbox/customers/${customer}/messages/${message.id}`, { values: [item] })));
      return button;
    }));
    items.hidden = !message.items.length;
    const files = node.querySelector(".files");
    files.replaceChildren(...message.files.map((file) => {
      const link = element("a", file.name);
      link.href = file.url;
      const row = element("li");
      row.append(link);
      return row;
    }));
    files.hidden = !message.files.length;
  };
  const showMessages = (log, conversation, messages, canChoose) => {
    if (log.dataset.conversation !== String(conversation)) {
      log.replaceChildren();
      log.dataset.conversation = String(conversation);
    }
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
    let grew = false;
    for (const message of messages) {
      let node = log.querySelector(`[data-id="${message.id}"]`);
      if (!node) {
        node = makeMessage(message);
        node.dataset.id = message.id;
        log.append(node);
        grew = true;
      }
      fill(node, message, canChoose);
    }
    if (grew && atEnd) log.scrollTop = log.scrollHeight;
  };

  // The trace: sources become lines with their scores, other facts one line of what the text does not say
  const plain = (value) => typeof value === "number" && !Number.isInteger(value) ? value.toFixed(2)
    : typeof value === "object" ? JSON.stringify(value) : String(value);
  const showSources = (sources) => {
    const list = element("dl", undefined, "facts");
    for (const source of sources) {
      const name = source.line || source.title || source.document || plain(source);
      list.append(element("dt", typeof source.score === "number" ? source.score.toFixed(2) : "–"),
        element("dd", name.replace(/^\d\.\d+\s+/, "")));
    }
    return list;
  };
  const showDetail = (step) => {
    const detail = step.detail;
    if (!detail) return null;
    if (typeof detail !== "object") return element("p", String(detail), "detail");
    const sources = Array.isArray(detail) ? detail : detail.sources;
    if (Array.isArray(sources)) return sources.length ? showSources(sources) : null;
    const facts = Object.entries(detail)
      .filter(([, value]) => value !== null && value !== "" && !step.text.includes(plain(value)))
      .map(([name, value]) => name.replaceAll("_", " ") + " " + plain(value));
    return facts.length ? element("p", facts.join(" · "), "detail") : null;
  };
  const showTrace = (steps) => {
    const log = byId("chat-log");
    const byMessage = new Map();
    for (const step of steps) {
      if (!byMessage.has(step.message_id)) byMessage.set(step.message_id, []);
      byMessage.get(step.message_id).push(step);
    }
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
    for (const [id, own] of byMessage) {
      const trace = log.querySelector(`[data-id="${Number(id)}"] .trace`);
      if (!trace) continue;
      const list = trace.querySelector("ol");
      if (list.dataset.steps === String(own.length)) continue;
      list.dataset.steps = String(own.length);
      trace.hidden = false;
      // The bot's own messages come back to the bridge and are left alone: a line is enough for that
      trace.classList.toggle("brief", !trace.closest(".customer")
        && own.every((step) => step.step === "delivery" || step.step === "filter"));
      for (const step of own.slice(list.children.length)) {
        const row = element("li", undefined, step.step);
        row.append(element("span", step.step, "step"), element("p", step.text));
        const detail = showDetail(step);
        if (detail) row.append(detail);
        list.append(row);
      }
    }
    if (atEnd) log.scrollTop = log.scrollHeight;
  };

  const showChat = () => {
    if (!chat) return;
    showMessages(byId("chat-log"), customer, chat.messages, true);
    update(byId("chat-state"), STATES[chat.status] || WORDS.ask);
    const last = chat.messages[chat.messages.length - 1];
    // As the widget does: a pending conversation whose last word is the customer's shows somebody writing
    byId("typing").hidden = !(chat.typing || (chat.status === "pending" && last && last.who === "customer"));
  };
  const showList = (conversations) => {
    const list = byId("conversations");
    byId("no-conversations").hidden = conversations.length > 0;
    const rows = new Map([...list.children].map((row) => [row.dataset.id, row]));
    conversations.forEach((conversation, place) => {
      let row = rows.get(String(conversation.id));
      if (!row) {
        row = byId("row-template").content.firstElementChild.cloneNode(true);
        row.dataset.id = conversation.id;
        row.firstElementChild.addEventListener("click", () => {
          selected = conversation.id;
          chosen = true;
          act(() => call(`/sandbox/desk/${selected}/seen`, {}));
        });
      }
      if (list.children[place] !== row) list.insertBefore(row, list.children[place] || null);
      const chip = row.querySelector(".chip");
      chip.className = "chip " + conversation.status;
      update(chip, conversation.status);
      update(row.querySelector(".row-name"), conversation.name);
      update(row.querySelector(".row-last"), conversation.last);
      const count = row.querySelector(".count");
      count.hidden = !conversation.unread || conversation.id === selected;
      update(count, String(conversation.unread));
      row.firstElementChild.setAttribute("aria-current", String(conversation.id === selected));
    });
    const open = conversations.filter((conversation) => conversation.status === "open").length;
    byId("waiting").hidden = !open;
    update(byId("waiting"), String(open));
    byId("waiting").setAttribute("aria-label", `${open} ${WORDS.open}`);
  };
  const showThread = (thread) => {
    byId("thread").hidden = !thread;
    if (!thread) return;
    const assigned = thread.assignee ? `, ${WORDS.assigned} ${thread.assignee}` : "";
    update(byId("thread-title"), `#${thread.id} ${thread.name}${assigned}`);
    for (const button of document.querySelectorAll("[data-status]")) {
      button.setAttribute("aria-pressed", String(button.dataset.status === thread.status));
    }
    showMessages(byId("thread-log"), thread.id, thread.messages, false);
  };

  const look = async () => {
    const asked = customer;
    const view = await call(`/sandbox/view?customer=${encodeURIComponent(asked)}&conversation=${selected || ""}`);
    if (asked !== customer) return;   // somebody new has come meanwhile
    if (!view.chat) {
      await begin();
      return;
    }
    chat = view.chat;
    showAround(view.around);
    showChat();
    showThread(view.thread);
    if (!chosen && chat.conversation && selected !== chat.conversation) {
      selected = chat.conversation;
      await look();
      return;
    }
    showList(view.conversations);
    if (selected) byId("drafts")?.setAttribute("href", `/app/${selected}`);
    if (chat.conversation && view.around?.bridge !== false) showTrace(await call(`/trace/${chat.conversation}`));
  };
  const arrive = async () => {
    customer = (await call("/sandbox/customers", {})).source_id;
    sessionStorage.setItem("customer", customer);
    chosen = false;
    chat = null;
    byId("typing").hidden = true;
    byId("chat-log").replaceChildren();
    update(byId("chat-state"), WORDS.ask);
  };
  // The first look and a quick first question both need a customer: the same one
  let arriving = null;
  const begin = () => {
    arriving = arriving || arrive().finally(() => { arriving = null; });
    return arriving;
  };

  // One look at a time; whatever is done in between is seen by the next
  let looking = Promise.resolve();
  const refresh = () => {
    looking = looking.then(look).then(() => complain(""), (error) => complain(
      error instanceof TypeError ? WORDS.silent : error.message));
    return looking;
  };
  const act = async (work) => {
    try {
      await work();
    } catch (error) {
      complain(error.message);
      return;
    }
    await refresh();
  };
  const tick = async () => {
    if (!document.hidden) await refresh();
    setTimeout(tick, EVERY);
  };

  const ask = (text) => act(async () => {
    if (!customer) await begin();
    await call(`/sandbox/customers/${customer}/messages`, { text });
    byId("chat-log").scrollTop = byId("chat-log").scrollHeight;
  });
  const onSubmit = (id, send) => {
    const form = byId(id);
    const text = form.querySelector("textarea");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const value = text.value.trim();
      if (!value) return;
      text.value = "";
      send(value);
      text.focus();
    });
    text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    });
  };
  onSubmit("ask", ask);
  onSubmit("reply", (text) => act(() => call(`/sandbox/desk/${selected}/messages`, { text, private: false })));
  onSubmit("note", (text) => act(() => call(`/sandbox/desk/${selected}/messages`, { text, private: true })));
  for (const button of document.querySelectorAll("[data-status]")) {
    button.addEventListener("click", () => act(() =>
      call(`/sandbox/desk/${selected}/status`, { status: button.dataset.status })));
  }
  byId("take").addEventListener("click", () => act(() => call(`/sandbox/desk/${selected}/assignee`, {})));
  byId("new-customer").addEventListener("click", () => act(begin));
  byId("show-traces").addEventListener("change", (event) =>
    document.body.classList.toggle("no-traces", !event.target.checked));
  for (const button of document.querySelectorAll("#suggestions button")) {
    button.addEventListener("click", () => ask(button.textContent));
  }
  // Faults: the form says everything that is to go wrong; one that was used up is off again by itself. Nothing can
  // be chosen before it is known what is on, or that would undo the choice.
  const faults = byId("faults");
  const showFaults = (now) => {
    faults.elements.all.disabled = false;
    const on = now.calls.length + (now.duplicates !== "none") + (now.shuffle_seconds > 0) + now.loses_attributes;
    byId("faults-on").hidden = !on;
    update(byId("faults-on"), String(on));
    const call = now.calls[0];
    faults.elements.call.value = call ? `${call.kind}-${call.status}` : "";
    faults.elements.duplicates.value = now.duplicates;
    faults.elements.shuffle.checked = now.shuffle_seconds > 0;
    faults.elements.loses_attributes.checked = now.loses_attributes;
  };
  faults.addEventListener("submit", (event) => {
    event.preventDefault();
    const [kind, status] = faults.elements.call.value.split("-");
    const calls = kind ? [{ kind, status: Number(status), seconds: 15 }] : [];
    act(async () => showFaults(await call("/sandbox/faults", {
      calls, duplicates: faults.elements.duplicates.value, shuffle_seconds: faults.elements.shuffle.checked ? 2 : 0,
      loses_attributes: faults.elements.loses_attributes.checked,
    })));
  });
  faults.closest("details").addEventListener("toggle", (event) => {
    if (!event.target.open) return;
    faults.elements.all.disabled = true;
    act(async () => showFaults(await call("/sandbox/faults")));
  });
  // Dify and the bridge: set at once, and shown as they are, whoever set them.
  const DIFY = {
    slow: WORDS.dify_slow, down: WORDS.dify_down, spent: WORDS.dify_spent,
  };
  const showAround = (around) => {
    if (!around) return;
    const dify = byId("dify");
    if (document.activeElement !== dify) dify.value = around.dify;
    const sentences = [DIFY[around.dify] || "",
      around.bridge ? "" : WORDS.no_bridge];
    update(byId("notice"), sentences.filter(Boolean).join(" "));
    byId("notice").hidden = !byId("notice").textContent;
  };
  if (byId("dify")) {
    byId("dify").addEventListener("change", (event) => act(async () =>
      showAround(await call("/sandbox/dify", { how: event.target.value }))));
    byId("kill").addEventListener("click", () => act(async () => showAround(await call("/sandbox/bridge", {}))));
  }
  const showSide = (side) => {
    document.body.dataset.side = side;
    for (const button of document.querySelectorAll("[data-shows]")) {
      button.setAttribute("aria-pressed", String(button.dataset.shows === side));
    }
    for (const log of document.querySelectorAll(".log")) log.scrollTop = log.scrollHeight;
  };
  for (const button of document.querySelectorAll("[data-shows]")) {
    button.addEventListener("click", () => showSide(button.dataset.shows));
  }
  if (wanted.get("side") === "desk") showSide("desk");
  tick();
})();
