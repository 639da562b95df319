// Keys and selection. Everything here has its way without it: links, boxes and buttons of the page itself.
"use strict";
(() => {
  const KEYS = "lotsman-keys";
  const byId = (id) => document.getElementById(id);
  const opens = (row) => row.querySelector("a, summary"); // what `o` opens: of a span its attributes
  const rows = () => [...document.querySelectorAll(".desk-row")].filter((row) => row.querySelector(".desk-box") || opens(row));
  let at = null; // the row that the keys are at
  let before = ""; // the first key of two

  const on = () => localStorage.getItem(KEYS) !== "off";

  function showSwitch() {
    const button = byId("keys-switch");
    if (!button) return;
    button.hidden = false;
    button.textContent = on() ? button.dataset.on : button.dataset.off;
  }

  function say(text) {
    const said = byId("said");
    if (said && text) said.textContent = text;
  }

  function goTo(row) {
    if (!row) return;
    rows().forEach((one) => one.classList.toggle("desk-row--at", one === row));
    at = row;
    (row.querySelector(".desk-box") || opens(row))?.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  const marked = () => at && (byId(at.id) || (at.isConnected ? at : null)); // a page that is made anew has its row by its id
  const here = () => marked() || document.activeElement.closest?.(".desk-row");

  function step(by) {
    const all = rows();
    const place = all.indexOf(here());
    goTo(all[Math.min(all.length - 1, Math.max(0, place + by))]);
  }

  function count() {
    const told = byId("chosen");
    if (!told) return;
    const number = document.querySelectorAll(".desk-box:checked").length;
    told.textContent = number ? `${told.dataset.one} ${number}` : "";
  }

  function select(every) {
    if (every) {
      const boxes = [...document.querySelectorAll(".desk-box")];
      const all = boxes.every((box) => box.checked);
      boxes.forEach((box) => { box.checked = !all; });
    } else {
      const box = here()?.querySelector(".desk-box");
      if (box) box.checked = !box.checked;
    }
    count();
    say(byId("chosen")?.textContent);
  }

  const go = (page) => location.assign(`/${document.body.dataset.language}${page}`);

  const DOES = {
    "/": () => (byId("number") || byId("q"))?.focus(),
    j: () => step(1),
    k: () => step(-1),
    x: () => select(false),
    X: () => select(true),
    o: () => { const row = here(); if (row) opens(row)?.click(); },
    a: () => (byId("expert_to") || byId("act-assign"))?.focus(),
    "?": () => byId("keys")?.showModal(),
    "g w": () => go("/work"),
    "g b": () => go("/board"),
    "g d": () => go("/decisions"),
  };

  const writing = (where) => where.isContentEditable || /^(TEXTAREA|SELECT)$/.test(where.tagName)
    || (where.tagName === "INPUT" && !/^(checkbox|radio|button|submit)$/.test(where.type));

  document.addEventListener("keydown", (event) => {
    if (!on() || event.ctrlKey || event.altKey || event.metaKey || writing(event.target) || byId("keys")?.open) return;
    const key = before ? `${before} ${event.key}` : event.key;
    before = event.key === "g" && !before ? "g" : "";
    const does = DOES[key];
    if (!does || !byId("keys")) return;
    event.preventDefault();
    does();
  });

  document.addEventListener("click", (event) => {
    if (event.target.id !== "keys-switch") return;
    localStorage.setItem(KEYS, on() ? "off" : "on");
    showSwitch();
  });

  document.addEventListener("change", (event) => {
    if (event.target.classList.contains("desk-box")) count();
  });

  // Another language of a page whose form htmx sends: that does not know of buttons outside of the form.
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[name=switch_language]");
    if (!button?.form?.hasAttribute("hx-post")) return;
    event.preventDefault();
    const said = Object.assign(document.createElement("input"), { type: "hidden", name: button.name, value: button.value });
    button.form.append(said);
    button.form.submit();
  });

  // Another language of a page with filters or a search: what is typed there and not asked for yet goes along.
  const first = (options) => Math.max(0, [...options].findIndex((one) => one.defaultSelected));
  const isOther = (one) => (one.tagName === "SELECT" ? one.selectedIndex !== first(one.options)
    : one.checked !== one.defaultChecked || one.value !== one.defaultValue);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("#languages a");
    const form = link && document.querySelector("#filters, .register-search");
    if (!form || ![...form.elements].some((one) => one.name && isOther(one))) return;
    link.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  });

  // The second click of a double one, and a key that is held down, send nothing: where the answer to the first came
  // quickly they would send the form that stands there now, and its faults would take the place of what was done.
  const sends = (where) => where.closest?.("button, input[type=submit]")?.form?.method === "post";
  document.addEventListener("click", (event) => {
    if (event.detail < 2 || !sends(event.target)) return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.repeat && event.target.form?.method === "post"
      && event.target.tagName !== "TEXTAREA") event.preventDefault();
  });

  // A form is sent once, however often its button is pressed; its key would have one effect all the same.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
    setTimeout(() => { delete form.dataset.sent; }, 3000);
  });

  // A page that makes itself anew keeps what it has where nothing comes, and says so.
  const told = (event) => event.detail.target?.id === "now" || event.detail.elt?.id === "now";
  function stale(is) {
    const note = byId("stale");
    if (!note) return;
    if (is && note.hidden) say(note.textContent);
    note.hidden = !is;
  }
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!told(event)) return;
    // What was asked for before the page was paused comes too late: it would stand beside what is there.
    if (event.detail.xhr.status >= 400 || !event.detail.target.hasAttribute("hx-get")) event.detail.shouldSwap = false;
    stale(event.detail.xhr.status >= 400);
  });
  ["htmx:sendError", "htmx:timeout"].forEach((none) => document.addEventListener(none, (event) => {
    if (told(event)) stale(true);
    else if (byId("no-answer")) byId("no-answer").hidden = false;
  }));
  // What somebody has put in since a request went is newer than its answer: the answer leaves it as it is. Touches are
  // counted, and a request has the number of the last one before it; what the filters say is known to an answer to
  // another request only as far as they were answered.
  const ONE_OF_SEVERAL = /^(checkbox|radio)$/;
  const touched = new WeakMap(); // a field: the number of its last touch
  const asked = new WeakMap(); // a request: the number of the last touch before it
  let touches = 0;
  let chosen = 0; // the last change of the filters
  let answered = 0; // what the last answer to the filters knew of
  let swapped = { sent: 0, filters: 0 }; // what the answer knows of that is put in now
  let outcome = false; // whether it leaves the outcome of what was done where it is
  const filters = () => byId("filters");
  const isNewer = (field) => touched.get(field) > (field.form && field.form === filters() ? swapped.filters : swapped.sent);
  const isPost = (event) => event.detail.requestConfig?.verb === "post";

  function touch(event) {
    const field = event.target;
    if (!field.name && !field.id) return;
    touches += 1;
    const group = field.type === "radio" && field.form ? [...field.form.elements].filter((one) => one.name === field.name) : [field];
    group.forEach((one) => touched.set(one, touches));
    if (event.type === "change" && field.form && field.form === filters()) chosen = touches;
  }
  ["input", "change"].forEach((how) => document.addEventListener(how, touch, true));
  document.addEventListener("htmx:beforeRequest", (event) => asked.set(event.detail.xhr, touches));
  document.addEventListener("htmx:beforeSwap", (event) => {
    const sent = asked.get(event.detail.xhr) ?? touches;
    const own = event.detail.requestConfig?.elt.id === "filters";
    swapped = { sent, filters: own ? sent : Math.min(sent, answered) };
    if (filters() && chosen > swapped.filters && !isPost(event)) { // a list of what is not asked for any more
      event.detail.shouldSwap = false;
      filters().requestSubmit();
    } else if (own) answered = sent;
  });
  const { callbacks } = Idiomorph.defaults;
  callbacks.beforeNodeMorphed = (node) => !(node.tagName === "SELECT" && isNewer(node));
  callbacks.beforeAttributeUpdated = (name, field) => name !== (ONE_OF_SEVERAL.test(field.type) ? "checked" : "value") || !isNewer(field);
  callbacks.beforeNodeRemoved = (node) => !(outcome && node.querySelector?.("#outcome-title"));
  // What was done is told beside the list that was asked for meanwhile.
  document.addEventListener("htmx:afterSwap", (event) => {
    const again = isPost(event) && filters() && chosen > swapped.filters;
    outcome = again;
    if (again) filters().requestSubmit();
  });

  // Where what has the focus is no part of the page any more, the keys go on from the beginning of what is there now.
  let within = false;
  document.addEventListener("htmx:beforeSwap", () => { within = !!byId("main")?.contains(document.activeElement); });
  function held() {
    if (within && document.activeElement === document.body) byId("main")?.focus({ preventScroll: true });
  }

  document.addEventListener("htmx:beforeOnLoad", () => { if (byId("no-answer")) byId("no-answer").hidden = true; });

  // What is not asked for does not stand in the address.
  document.addEventListener("htmx:configRequest", (event) => {
    const { verb, formData } = event.detail;
    if (verb === "get") [...formData.entries()].forEach(([name, value]) => { if (value === "") formData.delete(name); });
  });

  function settled() {
    showSwitch();
    count();
    marked()?.classList.add("desk-row--at");
  }

  document.addEventListener("htmx:afterSettle", () => {
    settled();
    held();
    const faults = byId("faults");
    if (faults) faults.focus();
    say(byId("outcome-title")?.textContent || byId("main")?.dataset.said);
  });
  addEventListener("pageshow", () => document.querySelectorAll("form").forEach((form) => { delete form.dataset.sent; }));
  document.addEventListener("DOMContentLoaded", () => {
    settled();
    byId("faults")?.focus();
    // What was done is said on a page of its own, too: what stands in it from the beginning is not read out.
    setTimeout(() => say(byId("outcome-title")?.textContent), 300);
  });
})();
