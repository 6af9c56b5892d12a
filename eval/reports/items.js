// The item browser: draws the data of eval/reports/browser.py. Every text of a model or document goes in as
// textContent, so nothing in it can become markup. Nothing is fetched here.
window.joyulItems = (root, data, first) => {
  const PAGE = 25;
  const FILTERS = [["all", ""], ["differ", "d"], ["wrong", "w"], ["failed", "f"], ["unscored", "u"]];
  const place = (name) => data.variants.findIndex((each) => each.name === name);
  const metricAt = (name) => Math.max(0, data.metrics.findIndex((each) => each.name === name));
  let language = first;
  let state = { only: "all" };
  let at = 0;

  const say = (key, values = {}) =>
    (data.words[language][key] || key).replace(/\{(\w+)\}/g, (_, name) => (name in values ? values[name] : ""));
  const named = (each) => each[language];
  const make = (tag, options = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(options)) {
      if (key === "text") element.textContent = value;
      else if (key === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
      else if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  };
  const badge = (variant, more = "") =>
    make("span", { class: `variant v-${variant.kind}`, title: named(variant) },
      make("span", { class: "letter", "aria-hidden": "true", text: variant.letter }),
      make("span", { class: more, text: named(variant) }));
  const figure = (value) =>
    value === null ? say("unscored") : value === false ? "" : data.metrics.length ? (100 * value).toFixed(value === 0 || value === 1 ? 0 : 1) : "";

  // Which items, in which order.
  const partOf = (item, part) => {
    const [kind, ...rest] = part.split(": ");
    return kind === "language" ? item.l === rest.join(": ") : (item.s || "") === rest.join(": ");
  };
  const score = (item, variant, metric) => item.a[variant][4][metric];
  const chosen = () => {
    const variant = place(state.variant), other = place(state.other), metric = metricAt(state.metric);
    const text = (state.text || "").normalize("NFC").toLowerCase();
    const letter = (FILTERS.find(([key]) => key === state.only) || FILTERS[0])[1];
    let rows = data.items.filter((item) => {
      if (variant >= 0 && other >= 0) {
        const a = score(item, variant, metric), b = score(item, other, metric);
        if (state.only === "differ" && (typeof a !== "number" || typeof b !== "number" || a === b)) return false;
      } else if (letter && !item.f.includes(letter)) return false;
      if (state.part && !partOf(item, state.part)) return false;
      if (state.true !== undefined && (item.t !== state.true || variant < 0 || item.a[variant][5] !== state.said)) return false;
      if (state.metric && variant >= 0 && score(item, variant, metric) === false) return false;
      return !text || [item.q, item.g, ...item.r, ...item.a.map((answer) => answer[0])].some((each) => each.toLowerCase().includes(text));
    });
    const value = (item, who) => (typeof score(item, who, metric) === "number" ? score(item, who, metric) : -1);
    if (variant >= 0 && other >= 0) rows = [...rows].sort((a, b) => Math.abs(value(b, variant) - value(b, other)) - Math.abs(value(a, variant) - value(a, other)));
    else if (state.order === "low" && variant >= 0) rows = [...rows].sort((a, b) => value(a, variant) - value(b, variant));
    else if (state.order === "gap") {
      const gap = (item) => { const all = item.a.map((_, who) => score(item, who, metric)).filter((each) => typeof each === "number"); return all.length ? Math.max(...all) - Math.min(...all) : -1; };
      rows = [...rows].sort((a, b) => gap(b) - gap(a));
    }
    return rows;
  };

  // One answer; words that not every variant said are marked.
  const words = (text) => text.split(/(\s+)/);
  const common = (item) => {
    const sets = item.a.filter((answer) => !answer[1] && answer[0].trim()).map((answer) => new Set(words(answer[0])));
    return sets.length > 1 ? (word) => sets.every((set) => set.has(word)) : () => true;
  };
  const card = (item, answer, who, shared) => {
    const variant = data.variants[who];
    const [text, error, query, passages, scores, said, others] = answer;
    const top = make("div", { class: "card-top" }, badge(variant), make("span", { class: "card-score", text: figure(scores[0]) }));
    const body = make("p", { class: "card-text" });
    if (error) body.append(make("span", { class: "bad", text: `${say("error")}: ${error} ` }));
    if (!text.trim() && !error) body.append(make("span", { class: "quiet-text", text: say("nothing_said") }));
    for (const word of words(text)) body.append(word.trim() && !shared(word) ? make("mark", { text: word }) : word);
    const more = data.metrics.slice(1).map((metric, index) => [metric, scores[index + 1]]).filter(([, value]) => value !== false);
    const list = more.length ? make("p", { class: "quiet-text", text: more.map(([metric, value]) => `${named(metric)} ${figure(value)}`).join(" · ") }) : null;
    const label = said ? make("p", { class: "quiet-text", text: `${say("label_said")}: ${said}` }) : null;
    let read = null;
    if (passages.length) {
      read = make("details", {}, make("summary", { text: `${say("passages")} ${passages.length}` }));
      if (query) read.append(make("p", { class: "quiet-text", text: `${say("query")}: ${query}` }));
      passages.forEach(([index, value], number) => read.append(
        make("p", { class: "passage-name", text: `[${number + 1}] ${data.passages[index][0]} · ${value}` }),
        make("p", { class: "passage", text: data.passages[index][1] })));
    }
    const seeds = others.length ? make("details", {}, make("summary", { text: `${say("other_seeds")} ${others.length}` }), ...others.map((each) => make("p", { class: "passage", text: each }))) : null;
    return make("div", { class: `card v-${variant.kind}` }, top, body, label, list, seeds, read);
  };
  const open = (item) => {
    const shared = common(item);
    const asked = item.r.length ? item.r.join(" / ") : say("unanswerable");
    const head = make("div", { class: "item-head" });
    for (const [role, content] of item.h || []) head.append(make("p", { class: "quiet-text", text: `${role}: ${content}` }));
    head.append(make("p", {}, make("span", { class: "quiet-text", text: `${say("reference")} ` }), asked));
    head.append(make("p", { class: "quiet-text", text: `${say("group")} ${item.g}${item.s ? ` · ${item.s}` : ""}` }));
    return [head, make("div", { class: "cards" }, ...item.a.map((answer, who) => card(item, answer, who, shared)))];
  };
  const entry = (item) => {
    const metric = metricAt(state.metric);
    const marks = item.a.map((answer, who) => {
      const value = answer[4][metric];
      const variant = data.variants[who];
      const css = typeof value !== "number" ? "none" : value >= 0.5 ? "good" : "low";
      return make("span", { class: `mark-score v-${variant.kind} ${css}`, title: named(variant) },
        make("span", { class: "letter", text: variant.letter, "aria-label": named(variant) }), figure(value));
    });
    const summary = make("summary", {}, make("span", { class: "question", text: item.q, lang: item.l }), make("span", { class: "marks" }, ...marks));
    const box = make("details", { class: "item" }, summary);
    box.addEventListener("toggle", () => { if (box.open && box.children.length === 1) box.append(...open(item)); });
    return box;
  };

  // Controls
  const change = (next) => { state = { ...state, ...next }; at = 0; draw(); };
  const filters = () => make("div", { class: "filters", role: "group", "aria-label": say("browser") }, ...FILTERS.map(([key, letter]) => {
    const count = letter ? data.items.filter((item) => item.f.includes(letter)).length : data.items.length;
    if (key === "unscored" && !count) return null;
    return make("button", { type: "button", "data-filter": key, "aria-pressed": String(state.only === key && !state.other), text: `${say(key)} ${count.toLocaleString()}`,
      on: { click: () => { state = { only: key, text: state.text, part: state.part, order: state.order === "low" ? "" : state.order }; at = 0; draw(); } } });
  }));
  const option = (value, text, current) => make("option", { value, text, selected: value === current });
  const parts = () => [...new Set(data.items.flatMap((item) => [`language: ${item.l}`, ...(item.s ? [`slice: ${item.s}`] : [])]))].sort();
  const partName = (part) => (part.startsWith("language: ") ? say(`language_${part.slice(10)}`) : part.slice(7));
  const select = (key, options) => make("select", { "aria-label": say(key === "part" ? "any_part" : "order"), "data-select": key, on: { change: (event) => change({ [key]: event.target.value }) } }, ...options);
  const bar = make("div", { class: "browser-bar" });
  const search = make("input", { type: "search", on: { input: (event) => { state = { ...state, text: event.target.value }; at = 0; list(); } } });
  const chips = () => {
    const told = [];
    const variant = data.variants[place(state.variant)], other = data.variants[place(state.other)];
    if (variant && other) told.push(`${named(variant)} − ${named(other)}`);
    else if (variant) told.push(named(variant));
    if (state.metric) told.push(named(data.metrics[metricAt(state.metric)]));
    if (state.true !== undefined) told.push(`${state.true} → ${state.said}`);
    return told.length ? make("button", { type: "button", class: "chip", title: say("clear"), text: `${told.join(" · ")}  ×`, on: { click: () => { state = { only: "all", text: state.text, part: state.part }; at = 0; draw(); } } }) : null;
  };
  const results = make("div", { class: "results" });
  const list = () => {
    const rows = chosen();
    const pages = Math.max(1, Math.ceil(rows.length / PAGE));
    at = Math.min(at, pages - 1);
    const count = make("p", { class: "help", role: "status", "data-count": rows.length, text: say("of_items", { n: rows.length.toLocaleString(), total: data.items.length.toLocaleString() }) });
    const shown = rows.slice(at * PAGE, (at + 1) * PAGE).map(entry);
    const turn = (step) => { at += step; list(); root.scrollIntoView({ block: "start" }); };
    const pager = pages > 1 ? make("div", { class: "pager" },
      make("button", { type: "button", text: say("earlier"), disabled: at === 0, on: { click: () => turn(-1) } }),
      make("span", { class: "help", text: say("page_of", { n: at + 1, total: pages }) }),
      make("button", { type: "button", text: say("later"), disabled: at === pages - 1, on: { click: () => turn(1) } })) : null;
    results.replaceChildren(count, ...(shown.length ? shown : [make("p", { class: "help", text: say("no_items") })]), ...(pager ? [pager] : []));
  };
  const draw = () => {
    search.setAttribute("placeholder", say("search_items"));
    search.setAttribute("aria-label", say("search_items"));
    const choices = parts();
    const order = [["", "order_file"], ["gap", "order_gap"], ...(state.order === "low" ? [["low", "order_low"]] : [])];
    const lead = [choices.length > 1 ? select("part", [option("", say("any_part"), state.part || ""), ...choices.map((part) => option(part, partName(part), state.part))]) : null,
      select("order", order.map(([value, key]) => option(value, say(key), state.order || ""))), search, chips()];
    bar.replaceChildren(filters(), ...lead.filter(Boolean));
    list();
  };
  root.replaceChildren(bar, results);
  draw();
  return {
    show: (query) => {
      const asked = Object.fromEntries(new URLSearchParams(query));
      state = { only: "all", text: "", ...asked };
      search.value = "";
      at = 0;
      draw();
      root.scrollIntoView({ block: "start" });
    },
    speak: (code) => { language = code; draw(); },
  };
};
