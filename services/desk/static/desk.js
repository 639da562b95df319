// Keys and selection. Everything here has its way without it: links, boxes and buttons of the page itself.
"use strict";
(() => {
  const KEYS = "lotsman-keys";
  const byId = (id) => document.getElementById(id);
  const when = (what, how, early) => document.addEventListener(what, how, early);
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

  when("keydown", (event) => {
    if (!on() || event.ctrlKey || event.altKey || event.metaKey || writing(event.target) || byId("keys")?.open) return;
    const key = before ? `${before} ${event.key}` : event.key;
    before = event.key === "g" && !before ? "g" : "";
    const does = DOES[key];
    if (!does || !byId("keys")) return;
    event.preventDefault();
    does();
  });

  when("click", (event) => {
    if (event.target.id !== "keys-switch") return;
    localStorage.setItem(KEYS, on() ? "off" : "on");
    showSwitch();
  });

  when("change", (event) => {
    if (event.target.classList.contains("desk-box")) count();
  });

  // Another language of a page whose form htmx sends: that does not know of buttons outside of the form.
  when("click", (event) => {
    const button = event.target.closest?.("[name=switch_language]");
    if (!button?.form?.hasAttribute("hx-post")) return;
    event.preventDefault();
    const said = Object.assign(document.createElement("input"), { type: "hidden", name: button.name, value: button.value });
    button.form.append(said);
    button.form.submit();
  });

  // Another language of a page with filters or a search: what is typed there goes along.
  const first = (options) => Math.max(0, [...options].findIndex((one) => one.defaultSelected));
  const isOther = (one) => (one.tagName === "SELECT" ? one.selectedIndex !== first(one.options)
    : one.checked !== one.defaultChecked || one.value !== one.defaultValue);
  when("click", (event) => {
    const link = event.target.closest?.("#languages a");
    const form = link && document.querySelector("#filters, .register-search");
    if (!form || ![...form.elements].some((one) => one.name && isOther(one))) return;
    link.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  });

  // The second click of a double one, and a held key, send nothing: they would send the form that stands there when the
  // first is answered, and its faults would take the place of what was done.
  const sends = (where) => where.closest?.("button, input[type=submit]")?.form?.method === "post";
  when("click", (event) => {
    if (event.detail < 2 || !sends(event.target)) return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
  when("keydown", (event) => {
    if (event.key === "Enter" && event.repeat && event.target.form?.method === "post"
      && event.target.tagName !== "TEXTAREA") event.preventDefault();
  });

  // A form is sent once, however often its button is pressed; its key would have one effect.
  when("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
    setTimeout(() => { delete form.dataset.sent; }, 3000);
  });

  // A page that makes itself anew keeps what it has where nothing comes, and says so.
  const told = ({ target, elt }) => target?.id === "now" || elt?.id === "now";
  function stale(is) {
    const note = byId("stale");
    if (!note) return;
    if (is && note.hidden) say(note.textContent);
    note.hidden = !is;
  }
  when("htmx:beforeSwap", ({ detail }) => {
    if (!told(detail)) return;
    // What was asked for before the page was paused comes too late.
    if (detail.xhr.status >= 400 || !detail.target.hasAttribute("hx-get")) detail.shouldSwap = false;
    stale(detail.xhr.status >= 400);
  });
  ["htmx:sendError", "htmx:timeout"].forEach((none) => when(none, ({ detail }) => {
    if (told(detail)) stale(true);
    else if (byId("no-answer")) byId("no-answer").hidden = false;
  }));
  // What was put in since a request went is newer than its answer, which leaves it. Touches are counted: an answer
  // knows those of its form before its request, of others what their last answer knew. Boxes are of one list.
  const [touched, answered] = [new WeakMap(), {}];
  let [touches, chosen, sent, own, beside] = [0, 0, 0, "", false];
  const filters = () => byId("filters");
  const isBox = (field) => /^(checkbox|radio)$/.test(field.type);
  const knows = (id) => (id === own ? sent : Math.min(sent, answered[id] ?? 0));
  const isNewer = (field) => touched.get(field) > knows(isBox(field) && field.form !== filters() ? own : field.form?.id);
  const isPost = ({ requestConfig }) => requestConfig?.verb === "post";
  const isOld = () => filters() && chosen > knows("filters");
  ["input", "change"].forEach((how) => when(how, ({ target, type }) => {
    touches += 1;
    const group = target.type === "radio" ? document.getElementsByName(target.name) : [target];
    group.forEach((one) => touched.set(one, touches));
    if (type === "change" && filters()?.contains(target)) chosen = touches;
  }, true));
  when("htmx:beforeRequest", ({ detail }) => touched.set(detail.xhr, touches));
  when("htmx:beforeSwap", ({ detail }) => {
    [sent, own] = [touched.get(detail.xhr) ?? touches, detail.requestConfig?.elt.id];
    if (isOld() && !isPost(detail)) {
      detail.shouldSwap = false;
      filters().requestSubmit();
    } else answered[own] = sent;
  });
  Object.assign(Idiomorph.defaults.callbacks, {
    beforeNodeMorphed: (node) => node.tagName !== "SELECT" || !isNewer(node),
    beforeAttributeUpdated: (name, field) => name !== (isBox(field) ? "checked" : "value") || !isNewer(field),
    beforeNodeRemoved: (node) => !(beside && node.querySelector?.("#outcome-title")),
  });
  when("htmx:afterSwap", ({ detail }) => { // what was done is told beside the newer list
    beside = isPost(detail) && isOld();
    if (beside) filters().requestSubmit();
  });

  // Where what has the focus goes away, the keys go on from the beginning of what is there now.
  let within = false;
  when("htmx:beforeSwap", () => { within = !!byId("main")?.contains(document.activeElement); });
  function held() {
    if (within && document.activeElement === document.body) byId("main")?.focus({ preventScroll: true });
  }

  when("htmx:beforeOnLoad", () => { if (byId("no-answer")) byId("no-answer").hidden = true; });

  // What is not asked for does not stand in the address.
  when("htmx:configRequest", ({ detail: { verb, formData } }) => {
    if (verb === "get") [...formData.entries()].forEach(([name, value]) => { if (value === "") formData.delete(name); });
  });

  function settled() {
    showSwitch();
    count();
    marked()?.classList.add("desk-row--at");
  }

  when("htmx:afterSettle", () => {
    settled();
    held();
    const faults = byId("faults");
    if (faults) faults.focus();
    say(byId("outcome-title")?.textContent || byId("main")?.dataset.said);
  });
  addEventListener("pageshow", () => document.querySelectorAll("form").forEach((form) => { delete form.dataset.sent; }));
  when("DOMContentLoaded", () => {
    settled();
    byId("faults")?.focus();
    // What was done is said on a page of its own, too: what stands in it from the beginning is not read out.
    setTimeout(() => say(byId("outcome-title")?.textContent), 300);
  });
})();
