"use strict";
const text = JSON.parse(document.getElementById("texts").textContent);
const $ = id => document.getElementById(id);
const say = (key, ...args) => args.reduce((s, a) => s.replace("%s", a), text[key]);
const maxTries = 4;

function state(id, name, label) {
  $(id).dataset.state = name;
  $(id).textContent = label;
}

// Asks the gateway, without following a redirect, whether the sign-in still holds.
async function status() {
  try {
    const answer = await fetch("/api/whoami", {headers: {Accept: "application/json"}, redirect: "manual", cache: "no-store"});
    return answer.status;
  } catch {
    return 0;
  }
}

const socket = {tries: 0, timer: 0, conn: null};

function connect() {
  clearTimeout(socket.timer);
  $("socket-retry").hidden = true;
  $("socket-again").hidden = true;
  state("socket-state", "connecting", text.connecting);
  const conn = socket.conn = new WebSocket(location.origin.replace(/^http/, "ws") + "/ws");
  conn.onmessage = event => {
    const message = JSON.parse(event.data);
    if (message.type === "echo") {
      $("echo-log").textContent = "↩ " + message.text;
      return;
    }
    socket.tries = 0;
    $("echo-form").hidden = false;
    $("socket-count").textContent = message.n;
    state("socket-state", "open", text.open);
    $("socket-note").textContent = say("as", message.user || "–");
  };
  conn.onclose = event => closed(event);
}

// Tries again a few times, later each time, and not at all once the gateway says 401.
async function closed(event) {
  const code = event.code + (event.reason ? " " + event.reason : "");
  state("socket-state", "closed", say("closed", code));
  $("socket-note").textContent = text.checking;
  $("echo-form").hidden = true;
  const answer = await status();
  if (answer === 401) {
    $("socket-note").textContent = text.signedout;
    $("socket-again").hidden = false;
    return;
  }
  if (socket.tries >= maxTries) {
    $("socket-note").textContent = text.gaveup;
    $("socket-retry").hidden = false;
    return;
  }
  const wait = 2 ** socket.tries++;
  $("socket-note").textContent = say("retrying", wait);
  socket.timer = setTimeout(connect, wait * 1000);
}

const feed = {tries: 0};

function listen() {
  const source = new EventSource("/events");
  source.addEventListener("tick", event => {
    feed.tries = 0;
    $("events-count").textContent = JSON.parse(event.data).n;
    state("events-state", "open", text.open);
  });
  source.onerror = async () => {
    // The browser tries again by itself where the network failed, and not where the answer was no.
    if (source.readyState !== EventSource.CLOSED && ++feed.tries <= maxTries) {
      state("events-state", "connecting", text.connecting);
      if (await status() !== 401) return;
    }
    source.close();
    state("events-state", "closed", text.ended);
    $("events-note").textContent = await status() === 401 ? text.signedout : text.gaveup;
  };
}

$("socket-retry").onclick = () => { socket.tries = 0; connect(); };
$("echo-form").onsubmit = event => {
  event.preventDefault();
  if (socket.conn.readyState === WebSocket.OPEN && $("echo-text").value) {
    socket.conn.send($("echo-text").value);
    $("echo-text").value = "";
  }
};
$("ask").onclick = async () => {
  state("ask-state", "connecting", "…");
  try {
    const answer = await fetch("/api/whoami", {headers: {Accept: "application/json"}, redirect: "manual", cache: "no-store"});
    state("ask-state", answer.ok ? "open" : "closed", String(answer.status || answer.type));
    const body = await answer.text();
    try {
      $("ask-body").textContent = JSON.stringify(JSON.parse(body), null, 2);
    } catch {
      $("ask-body").textContent = body;
    }
    $("ask-body").hidden = !body;
  } catch {
    state("ask-state", "closed", text.unreachable);
    $("ask-body").hidden = true;
  }
};
connect();
listen();
