// Keeps an open page up to date. Without this script every page works and shows the state at the time it was opened.
//
// The stream only announces that something has changed. The new content comes from the page's own address, rendered by
// the same templates with the same permissions. Its parts (data-part) are changed in place, so that focus, ticked boxes
// and open panels stay as they are.
"use strict";
(() => {
  const main = document.querySelector("main[data-stream]");
  if (!main || !window.EventSource || !window.fetch) return;

  const SOON = 5_000;
  const QUIET = 1_000;
  const AT_ONCE = 3;
  const FEW = 5;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const sign = document.getElementById("live");
  let source = null;
  let busy = false;
  let wanted = false;
  let few = false;
  let over = false;
  let soon = -Infinity;
  let later = -Infinity;
  let plan = 0;
  let quick = 0;
  let poll = 0;
  let reopen = 0;

  // ---------------------------------------------------------------- changing a part in place
  const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE && (node.dataset.key || node.id)) || null;

  function morph(old, next) {
    const turned = old.matches("[data-turn]") && old.textContent !== next.textContent;
    for (const { name, value } of next.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    for (const { name } of [...old.attributes]) {
      if (!next.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    }
    morphChildren(old, next);
    if (turned) flash(old);
  }

  function morphChildren(old, next) {
    const kept = new Map([...old.children].filter(keyOf).map((child) => [keyOf(child), child]));
    const wanted = new Set([...next.children].map(keyOf));
    const drop = (node) => {
      const after = node.nextSibling;
      node.remove();
      return after;
    };
    let at = old.firstChild;
    for (const node of next.childNodes) {
      while (at && keyOf(at) && !wanted.has(keyOf(at))) at = drop(at);
      const key = keyOf(node);
      const same = key ? kept.get(key) : at && !keyOf(at) && at.nodeName === node.nodeName ? at : null;
      if (!same) {
        const made = old.insertBefore(document.importNode(node, true), at);
        if (made.nodeType === Node.ELEMENT_NODE && made.matches("[data-turn]")) flash(made);
        continue;
      }
      if (same === at) at = at.nextSibling;
      else old.insertBefore(same, at);
      if (node.nodeType === Node.ELEMENT_NODE) morph(same, node);
      else if (same.data !== node.data) same.data = node.data;
    }
    while (at) at = drop(at);
  }

  function flash(element) {
    if (calm.matches || !element.animate) return;
    const ring = "0 0 0 .3rem";
    element.animate(
      [{ boxShadow: `${ring} var(--focus)` }, { boxShadow: `${ring} transparent` }],
      { duration: 1_600, easing: "ease-out" },
    );
  }

  function show(html) {
    const made = new DOMParser().parseFromString(html, "text/html");
    for (const part of main.querySelectorAll("[data-part]")) {
      const next = made.querySelector(`[data-part="${part.dataset.part}"]`);
      if (next) morph(part, next);
    }
    schedule();
  }

  // ---------------------------------------------------------------- fetching the page again
  // One request at a time. The first few in a row run at once. After that, fetching takes at most a quarter of the time,
  // and during a bulk run, in which many rows change, at most a tenth of it and once a second.
  function refresh(many = false) {
    if (over || document.hidden) return;
    wanted = true;
    few = few || !many;
    if (busy) return;
    clearTimeout(plan);
    plan = setTimeout(load, Math.max(0, (few ? soon : later) - performance.now()));
  }

  async function load() {
    if (over || document.hidden) return;
    busy = true;
    wanted = few = false;
    const begun = performance.now();
    quick = begun - later > QUIET ? 0 : quick + 1;
    let failed = false;
    try {
      const answer = await fetch(location.href, {
        headers: { "Kinvite-Live": "1" },
        redirect: "manual",
        cache: "no-store",
      });
      if (answer.ok) show(await answer.text());
      else if (answer.type === "opaqueredirect" || answer.status < 500) return end();
      else throw new Error(String(answer.status));
    } catch {
      failed = wanted = few = true;
    }
    const ended = performance.now();
    const took = quick < AT_ONCE ? 0 : ended - begun;
    soon = ended + (failed ? SOON : took && Math.max(100, 3 * took));
    later = ended + (failed ? SOON : took && Math.max(1_000, 9 * took));
    busy = false;
    if (wanted) refresh(!few);
  }

  // A part whose progress is not in the stream is fetched periodically (data-every, milliseconds).
  function schedule() {
    clearTimeout(poll);
    const part = main.querySelector("[data-every]");
    if (part && !over) poll = setTimeout(() => refresh(), Number(part.dataset.every));
  }

  // ---------------------------------------------------------------- the stream
  // Browsers open at most six connections to one origin for all tabs, so only the visible page holds a stream.
  function open() {
    if (over || source || document.hidden) return;
    clearTimeout(reopen);
    source = new EventSource(main.dataset.stream);
    source.addEventListener("reload", () => refresh(true));
    source.addEventListener("parents", (event) => {
      const only = main.dataset.parent;
      const { parents } = JSON.parse(event.data);
      if (!only || parents.some((row) => row.parent_id === only)) refresh(!only && parents.length > FEW);
    });
    source.addEventListener("open", () => light(true));
    source.addEventListener("error", () => {
      light(false);
      if (source && source.readyState === EventSource.CLOSED) {
        close();
        refresh(); // finds out whether this person is still signed in
        reopen = setTimeout(open, SOON);
      }
    });
    schedule();
  }

  function close() {
    clearTimeout(reopen);
    clearTimeout(poll);
    light(false);
    if (source) source.close();
    source = null;
  }

  function light(on) {
    if (sign) sign.hidden = !on;
  }

  function end() {
    over = true;
    close();
    const notice = document.createElement("p");
    notice.className = "notice bad";
    notice.setAttribute("role", "status");
    notice.textContent = main.dataset.over;
    main.prepend(notice);
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => event.persisted && open());
  open();
})();
