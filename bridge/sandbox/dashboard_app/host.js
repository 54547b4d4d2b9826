// As Chatwoot's dashboard: tells the framed app what is open, when it has loaded and whenever it asks.
"use strict";

const frame = document.getElementById("app");

async function tell() {
  const context = await (await fetch(`/app/${document.body.dataset.conversation}/context`)).text();
  frame.contentWindow.postMessage(context, "*");
}

frame.addEventListener("load", tell);
window.addEventListener("message", (event) => {
  if (event.data === "chatwoot-dashboard-app:fetch-info") tell();
});
