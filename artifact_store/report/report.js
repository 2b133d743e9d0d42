// Shows the overview, or the artifact that the address names after its "#". Nothing is fetched: an artifact is
// HTML in a JSON string in this file, which is unpacked and parsed when it is opened.
"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const read = new Promise((done) => document.addEventListener("DOMContentLoaded", done, { once: true }));
  const textOf = async (id) => {
    // The file may be so large that it is still read; what something follows is whole.
    if (document.readyState === "loading" && !at(id)?.nextElementSibling) await read;
    const holder = at(id);
    if (holder === null || holder.type === "application/json") return holder?.textContent ?? "null";
    const bytes = Uint8Array.from(atob(holder.textContent), (each) => each.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
  };
  const stored = async (id) => JSON.parse(await textOf(id));
  const overview = at("_overview"), detail = at("_artifact"), status = at("_status");
  const body = at("_rows"), rows = [...body.rows];
  const places = new Map(rows.map((row) => [row.dataset.key, row]));
  const title = document.title;

  // Times, as long ago as they are when the report is looked at

  const UNITS = [[60, 1, "s"], [3600, 60, "min"], [172800, 3600, "h"], [Infinity, 86400, "days"]];
  const age = (moment) => {
    const seconds = Math.max(0, (Date.now() - moment) / 1000);
    const [, size, unit] = UNITS.find(([limit]) => seconds < limit);
    return `${Math.floor(seconds / size).toLocaleString("en")} ${unit} ago`;
  };
  const sayAges = (part) => {
    for (const time of part.querySelectorAll("time[data-age]")) {
      time.title = time.textContent;
      time.textContent = age(Date.parse(time.dateTime));
    }
  };

  // Search, filters and order

  const search = at("_search"), byType = at("_type"), byFlow = at("_flow"), clear = at("_clear");
  const words = new Map();
  const wordsOf = (row) => {
    if (!words.has(row)) words.set(row, `${row.dataset.key} ${row.textContent}`.toLowerCase());
    return words.get(row);
  };
  const options = (select, name) => {
    const counts = new Map();
    for (const row of rows) counts.set(row.dataset[name], (counts.get(row.dataset[name]) ?? 0) + 1);
    for (const value of [...counts.keys()].sort()) {
      select.add(new Option(`${value || "(none)"} (${counts.get(value)})`, `=${value}`));
    }
  };
  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const type = byType.value, flow = byFlow.value;
    let count = 0;
    for (const row of rows) {
      const fits = (!type || type === `=${row.dataset.type}`) && (!flow || flow === `=${row.dataset.flow}`) &&
        wanted.every((word) => wordsOf(row).includes(word));
      if (row.hidden === fits) row.hidden = !fits;
      count += fits;
    }
    const filtered = Boolean(wanted.length || type || flow);
    const noun = rows.length === 1 ? "artifact" : "artifacts";
    const [shown, all] = [count, rows.length].map((number) => number.toLocaleString("en"));
    at("_count").textContent = filtered ? `${shown} of ${all} ${noun}` : `${all} ${noun}`;
    at("_none").hidden = count > 0 || rows.length === 0;
    at("_table").hidden = count === 0;
    clear.hidden = !filtered;
  };
  const collator = new Intl.Collator("en", { numeric: true });
  const sortBy = (header) => {
    const name = header.dataset.by, numeric = header.dataset.as === "number";
    const first = numeric ? "descending" : "ascending";
    const down = (header.getAttribute("aria-sort") ?? (first === "ascending" ? "descending" : "ascending")) === "ascending";
    for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = numeric ? (row) => Number(row.dataset[name]) : (row) => row.dataset[name];
    const compare = numeric ? (a, b) => a - b : collator.compare;
    const sign = down ? -1 : 1;
    rows.sort((a, b) => sign * compare(value(a), value(b)));
    body.append(...rows);
    status.textContent = `Sorted by ${header.textContent.trim()}, ${down ? "descending" : "ascending"}`;
  };

  // One artifact

  const fields = new Map(); // the number that was chosen, by key
  const asked = () => {
    try {
      return decodeURIComponent(location.hash.slice(1));
    } catch {
      return location.hash.slice(1);
    }
  };
  const place = (ref) => {
    const [key, version] = ref.split("@");
    const row = places.get(key);
    return row === undefined ? null : { key, row, version: version ?? row.dataset.version };
  };
  const chooseField = (key, part) => {
    const select = part.querySelector("select.field");
    if (select === null) return;
    const show = () => {
      for (const each of part.querySelectorAll("[data-field]")) each.hidden = each.dataset.field !== select.value;
    };
    if ([...select.options].some((option) => option.value === fields.get(key))) select.value = fields.get(key);
    select.addEventListener("change", () => {
      fields.set(key, select.value);
      show();
    });
    show();
  };
  const missing = (ref) => {
    const part = at("_missing").content.cloneNode(true);
    part.querySelector("code").textContent = ref;
    detail.replaceChildren(part);
    document.title = `Not in this report · ${title}`;
  };
  const fill = (found, html, [trend, versions]) => {
    detail.innerHTML = html;
    const trends = detail.querySelector(".trends"), list = detail.querySelector(".versions-of");
    trends.innerHTML = trend;
    list.innerHTML = versions;
    for (const link of list.querySelectorAll("a")) {
      if (link.dataset.version !== found.version) continue;
      link.setAttribute("aria-current", "page");
      const scroller = link.closest(".versions");
      scroller.scrollTop = link.offsetTop - scroller.offsetTop - scroller.clientHeight / 2;
    }
    for (const dot of trends.querySelectorAll(`[data-version="${found.version}"]`)) dot.classList.add("here");
    for (const each of detail.querySelectorAll("details")) each.open = true;
    for (const link of detail.querySelectorAll("a.ref")) {
      const there = place(link.textContent);
      if (there === null || at(`_v${there.row.dataset.n}.${there.version}`) === null) link.replaceWith(link.textContent);
    }
    chooseField(found.key, detail);
    sayAges(detail);
    document.title = `${found.key}@${found.version} · ${title}`;
  };

  let left = null; // where the overview was left: the row, and how far it was scrolled
  let turn = 0; // of two addresses that follow each other quickly, the second is shown
  const show = async (moved) => {
    const ref = asked(), mine = ++turn, inside = ref !== "" && ref !== "_main", found = inside ? place(ref) : null;
    const names = found && [`_v${found.row.dataset.n}.${found.version}`, `_h${found.row.dataset.n}`];
    const parts = names && (await Promise.all(names.map(stored)).catch(() => null)); // an old browser cannot unpack
    if (mine !== turn) return;
    if (inside && !overview.hidden) left = { row: found?.row, top: scrollY };
    overview.hidden = inside;
    detail.hidden = !inside;
    status.textContent = "";
    detail.replaceChildren();
    if (!inside) document.title = title;
    else if (parts?.[0]) fill(found, ...parts);
    else missing(ref);
    if (!moved) return;
    scrollTo(0, inside ? 0 : left?.top ?? 0);
    const heading = (inside ? detail : overview).querySelector("h1");
    ((!inside && left?.row?.querySelector("a")) || heading).focus({ preventScroll: true });
  };

  // What is copied and what is saved

  const copy = async (button) => {
    const line = button.closest(".readback").querySelector("code");
    try {
      await navigator.clipboard.writeText(line.textContent);
    } catch { // where the browser does not let a file use the clipboard, a selection does it
      getSelection().selectAllChildren(line);
      document.execCommand("copy");
    }
    status.textContent = "Copied";
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  };
  const LITERAL = /\\(?:u003c|[^])/g; // a pair at a time: the u003c after an escaped backslash stays
  const save = async (button) => {
    const text = await textOf(button.dataset.from);
    const plain = button.dataset.as === "text";
    const content = plain ? JSON.parse(text) : text.replace(LITERAL, (pair) => (pair === "\\u003c" ? "<" : pair));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type: plain ? "text/plain" : "application/json" }));
    link.download = button.dataset.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    status.textContent = `Saved ${link.download}`;
  };

  // Light and dark

  const theme = at("_theme"), NAMES = { "": "automatic", light: "light", dark: "dark" };
  const wear = (name) => {
    if (name) document.documentElement.dataset.theme = name;
    else delete document.documentElement.dataset.theme;
    theme.querySelector("span").textContent = NAMES[name];
  };
  theme.addEventListener("click", () => {
    const names = Object.keys(NAMES);
    const next = names[(names.indexOf(document.documentElement.dataset.theme ?? "") + 1) % names.length];
    wear(next);
    try {
      localStorage.setItem("artifact-store-theme", next);
    } catch { /* it is worn until the file is closed */ }
  });

  // To begin with

  wear(document.documentElement.dataset.theme ?? "");
  options(byType, "type");
  options(byFlow, "flow");
  byFlow.closest("label").hidden = byFlow.options.length < 3;
  byType.closest("label").hidden = byType.options.length < 3;
  sayAges(overview);
  search.addEventListener("input", filter);
  byType.addEventListener("change", filter);
  byFlow.addEventListener("change", filter);
  clear.addEventListener("click", () => {
    search.value = byType.value = byFlow.value = "";
    filter();
    search.focus();
  });
  for (const header of document.querySelectorAll("[data-by]")) {
    header.querySelector("button").addEventListener("click", () => sortBy(header));
  }
  detail.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-do]");
    if (button) (button.dataset.do === "copy" ? copy : save)(button);
  });
  at("_skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address names what is shown
    (detail.hidden ? overview : detail).querySelector("h1").focus();
  });
  history.scrollRestoration = "manual";
  addEventListener("hashchange", () => show(true));
  filter();
  show(false);
})();
