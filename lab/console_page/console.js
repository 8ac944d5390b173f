// Does for one custom widget what CloudWatch's dashboard does: it calls the widget's function, shows what that returns,
// and carries out each <cwdb-action> on the element right before it. The server has cleaned the HTML by then.
"use strict";

const widget = document.getElementById("widget");
const popup = document.getElementById("popup");

function twoDigits(number) {
  return String(number).padStart(2, "0");
}

function timezone() {
  const west = new Date().getTimezoneOffset();
  const size = Math.abs(west);
  const sign = west > 0 ? "-" : "+";
  return {
    label: "Local",
    offsetISO: `${sign}${twoDigits(Math.floor(size / 60))}:${twoDigits(size % 60)}`,
    offsetInMinutes: west,
  };
}

function forms() {
  const named = widget.querySelectorAll("input[name], select[name], textarea[name]");
  return Object.fromEntries(Array.from(named, (each) => [each.name, each.value]));
}

async function ask(endpoint, params) {
  const context = {
    locale: navigator.language,
    timezone: timezone(),
    theme: widget.dataset.theme,
    width: widget.clientWidth,
    height: widget.clientHeight,
    forms: { all: forms() },
  };
  const answer = await fetch("/call", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ endpoint, params, context }),
  });
  return answer.text();
}

function show(html, place) {
  place.innerHTML = html;
  for (const action of place.querySelectorAll("cwdb-action")) {
    bind(action);
  }
}

function bind(action) {
  const kind = action.getAttribute("event") || "click";
  action.previousElementSibling.addEventListener(kind, () => carryOut(action));
}

async function carryOut(action) {
  const confirmation = action.getAttribute("confirmation");
  if (confirmation && !window.confirm(confirmation)) {
    return;
  }
  const inPopup = action.getAttribute("display") === "popup";
  const place = inPopup ? popup.querySelector(".content") : widget;
  if (action.getAttribute("action") === "call") {
    await load(action.getAttribute("endpoint"), JSON.parse(action.textContent), place);
  } else {
    show(action.innerHTML, place);
  }
  if (inPopup) {
    popup.showModal();
  }
}

async function load(endpoint, params, place) {
  widget.dataset.state = "busy";
  try {
    show(await ask(endpoint, params), place);
  } finally {
    widget.dataset.state = "ready";
  }
}

function refresh() {
  return load(widget.dataset.endpoint, JSON.parse(widget.dataset.params), widget);
}

document.getElementById("refresh").addEventListener("click", refresh);
refresh();
