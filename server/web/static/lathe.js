// Keys and live updates for the review page. Everything works without this file.
"use strict";
(() => {
  const visible = (sel) => [...document.querySelectorAll(sel)];
  const typing = (el) => el.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  const follow = (rel) => {
    const link = document.querySelector(`a[rel="${rel}"]`);
    if (link) link.click();
  };
  const help = document.getElementById("keys");
  let verdict = null; // what Ctrl+Enter in the reason sends
  let going = false; // g was pressed

  function row() {
    const r = document.activeElement.closest("[data-row]");
    return r && r.querySelector("a[data-open]");
  }

  function move(step) {
    const rows = visible("[data-row] a[data-open]");
    if (!rows.length) return follow(step > 0 ? "next" : "prev");
    const at = rows.indexOf(row());
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

  function mark() {
    const r = document.activeElement.closest("[data-row]");
    const box = r && r.querySelector('input[type="checkbox"]');
    if (box) box.checked = !box.checked;
  }

  const keys = {
    j: () => move(1),
    k: () => move(-1),
    x: mark,
    b: () => focus("#together"),
    a: () => focus("#approve"), // Enter presses it: one key alone signs nothing
    r: () => because("reject"),
    c: () => because("clarify"),
    e: () => focus("#evidence a"),
    u: () => follow("up"),
    "/": () => focus("#q"),
    "?": () => { if (help) help.showModal(); },
    g: () => { going = true; },
  };
  const places = { q: "/", l: "/log", f: "/kpi", x: "/fixes", g: "/graph", e: "/editors" };

  document.addEventListener("keydown", (e) => {
    if (e.isComposing) return;
    if (e.key === "Escape" && typing(e.target)) return e.target.blur();
    if (e.key === "Enter" && e.ctrlKey && e.target.id === "reason" && verdict) {
      e.preventDefault();
      return e.target.form.requestSubmit(verdict);
    }
    if (e.ctrlKey || e.metaKey || e.altKey || typing(e.target) || (help && help.open)) return;
    if (going) {
      going = false;
      const link = places[e.key] && document.querySelector(`header.top a[href="${places[e.key]}"]`);
      if (link) { e.preventDefault(); link.click(); }
      return;
    }
    const act = keys[e.key];
    if (act) { e.preventDefault(); act(); }
  });

  for (const b of visible("[data-keys]")) {
    b.hidden = false;
    b.addEventListener("click", () => help.showModal());
  }

  // A filter applies as soon as it is chosen.
  for (const s of visible("form[data-filter] select")) s.addEventListener("change", () => s.form.requestSubmit());

  function markAll() {
    for (const b of visible("[data-all]")) {
      b.hidden = false;
      b.onclick = () => { for (const box of visible('input[name="mark"]')) box.checked = true; };
    }
  }
  markAll();

  // Live: the daemon says that something changed, and the page asks for itself
  // anew. The header tells the daemon that no person asked.
  const news = document.getElementById("news");
  const tell = (text, href) => {
    if (!news || news.textContent === text) return;
    news.textContent = text + " ";
    if (href) {
      const a = document.createElement("a");
      a.href = href;
      a.textContent = "Load it anew";
      news.append(a);
    }
    news.hidden = false;
  };
  const part = (doc, name) => doc.querySelector(`[data-part="${name}"]`);

  function replaceRows(doc) {
    const [now, next] = [part(document, "rows"), part(doc, "rows")];
    if (!now || !next) return;
    const marked = new Set(visible('input[name="mark"]:checked').map((b) => b.value));
    const at = now.contains(document.activeElement) && document.activeElement;
    const selector = at && (at.getAttribute("href") ? `a[href="${CSS.escape(at.getAttribute("href"))}"]` : at.value && `input[value="${CSS.escape(at.value)}"]`);
    now.replaceWith(next);
    part(document, "head").replaceWith(part(doc, "head"));
    for (const box of visible('input[name="mark"]')) box.checked = marked.has(box.value);
    if (selector) { const el = document.querySelector(selector); if (el) el.focus({ preventScroll: true }); }
    markAll();
  }

  async function refresh() {
    const answer = await fetch(location.href, { headers: { "Lathe-Live": "1" }, credentials: "same-origin" });
    if (answer.status === 401) return tell("The session has ended.", location.href);
    if (!answer.ok) return;
    const doc = new DOMParser().parseFromString(await answer.text(), "text/html");
    const [was, is] = [part(document, "stamp"), part(doc, "stamp")];
    if (was && is && was.dataset.stamp !== is.dataset.stamp) tell("This proposal has changed since you opened it.", location.href);
    if (document.body.dataset.live === "queue") replaceRows(doc);
  }

  if (["queue", "detail"].includes(document.body.dataset.live)) {
    let asked = null;
    const source = new EventSource("/live");
    source.addEventListener("open", () => { document.body.dataset.connected = "yes"; });
    source.addEventListener("change", () => { asked = (asked || Promise.resolve()).then(refresh).catch(() => {}); });
    addEventListener("pagehide", () => source.close());
  }
})();
