// Keys for the review page. Everything works without this file.
"use strict";
(() => {
  const visible = (sel) => [...document.querySelectorAll(sel)];
  const typing = (el) => el.closest("input, textarea, select, [contenteditable]");
  const follow = (rel) => {
    const link = document.querySelector(`a[rel="${rel}"]`);
    if (link) link.click();
  };
  let verdict = null; // what Ctrl+Enter in the reason sends

  function move(step) {
    const rows = visible("[data-row] a[data-open]");
    if (!rows.length) return follow(step > 0 ? "next" : "prev");
    const at = rows.indexOf(document.activeElement);
    const to = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step));
    rows[to].focus();
    rows[to].scrollIntoView({ block: "nearest" });
  }

  function focus(sel) {
    const el = document.querySelector(sel);
    if (el) { el.focus(); el.scrollIntoView({ block: "center" }); }
    return el;
  }

  function because(id) {
    verdict = document.getElementById(id);
    for (const b of visible("button[data-why]")) b.classList.toggle("chosen", b === verdict);
    focus("#reason");
  }

  const keys = {
    j: () => move(1),
    k: () => move(-1),
    a: () => focus("#approve"), // Enter presses it: one key alone signs nothing
    r: () => because("reject"),
    c: () => because("clarify"),
    u: () => follow("up"),
    "/": () => focus("#q"),
    "?": () => { const help = document.getElementById("keys"); if (help) help.open = !help.open; },
  };

  document.addEventListener("keydown", (e) => {
    if (e.isComposing) return;
    if (e.key === "Escape" && typing(e.target)) return e.target.blur();
    if (e.key === "Enter" && e.ctrlKey && e.target.id === "reason" && verdict) {
      e.preventDefault();
      return e.target.form.requestSubmit(verdict);
    }
    if (e.ctrlKey || e.metaKey || e.altKey || typing(e.target)) return;
    const act = keys[e.key];
    if (act) { e.preventDefault(); act(); }
  });

  // A filter applies as soon as it is chosen.
  for (const s of visible("form[data-filter] select")) s.addEventListener("change", () => s.form.requestSubmit());
})();
