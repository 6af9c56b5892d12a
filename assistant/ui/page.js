// What the browser does itself: keys, theme, address, folding, scrolling, copying. Only /pulse is fetched.
(() => {
  const html = document.documentElement;
  const { language, words } = window.joyul;
  html.lang = language;
  for (const key of ["error", "drop"]) html.style.setProperty(`--said-${key}`, JSON.stringify(words[key])); // Gradio says these otherwise
  window.joyul.asked = new URLSearchParams(location.search).get("c") || "";
  // Gradio takes its own few words (upload, clear ...) from the browser; the page's language decides here.
  for (const [key, value] of [["language", language], ["languages", [language]]]) {
    Object.defineProperty(navigator, key, { get: () => value, configurable: true });
  }

  const $ = (selector, root = document) => root.querySelector(selector);
  const shown = (element) => Boolean(element && element.offsetParent !== null && !element.closest(".hide"));
  const narrow = () => window.matchMedia("(max-width: 820px)").matches;
  const store = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private window */ } };
  const stored = (key) => { try { return localStorage.getItem(key); } catch { return null; } };

  // Theme: the person's choice, else the system's. Gradio sets its class late, so it is watched.
  const dark = () => (stored("joyul-theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const paint = () => {
    html.classList.toggle("dark", dark());
    if (document.body && document.body.classList.contains("dark") !== dark()) document.body.classList.toggle("dark", dark());
    const button = $("[data-local=theme]");
    if (button) button.setAttribute("aria-pressed", String(dark()));
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);

  // Address: ?c=<conversation> and #<page> say what is open, so a reload or a language switch keeps it.
  const remember = () => {
    const thread = $("#thread [data-conversation]");
    if (!thread) return;
    const url = new URL(location.href);
    const id = thread.dataset.conversation;
    if (id === (url.searchParams.get("c") || "")) return;
    if (id) url.searchParams.set("c", id); else url.searchParams.delete("c");
    history.replaceState(history.state, "", url);
  };
  const pages = ["chat", "compare", "documents", "data", "tune", "evaluate"];
  const tab = (name) => $(`#page-${name}-button`);
  const openPage = (name) => { const button = tab(name); if (button) button.click(); };
  const markPage = (name) => {
    if (html.dataset.page !== name) drawer("viewer", false);  // what was opened belongs to the page left
    html.dataset.page = name;
    const url = new URL(location.href);
    url.hash = name === "chat" ? "" : name;
    history.replaceState(history.state, "", url.href.replace(/#$/, ""));
  };

  const sidebar = () => $("#sidebar");
  const sidebarOpen = () => Boolean(sidebar() && sidebar().classList.contains("open"));
  const foldSidebar = (open) => { if (sidebar() && sidebarOpen() !== open) $(".toggle-button", sidebar())?.click(); };
  // The focus goes into a drawer with whoever opens it, and back to where it was when the drawer closes.
  let before = null;
  const drawer = (name, open) => {
    if (open === html.classList.contains(`show-${name}`)) return;
    html.classList.toggle(`show-${name}`, open);
    if (name === "settings") $("[data-local=settings]").setAttribute("aria-expanded", String(open));
    if (open) {
      before = document.activeElement;
      $(name === "settings" ? "#settings h2" : "#viewer [data-local=viewer]")?.focus({ preventScroll: true });
    } else if (before && before.isConnected) before.focus({ preventScroll: true });
  };
  const copy = async (button, text) => {
    try { await navigator.clipboard.writeText(text); } catch {
      const area = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(area); area.select(); document.execCommand("copy"); area.remove();
    }
    button.classList.add("done");
    button.title = words.copied;
    setTimeout(() => button.classList.remove("done"), 1500);
  };

  // The form that a button opens: its own neighbour's, or its turn's.
  const formOf = (button) => $("[data-form]", button.closest(".keeping-one, .chat, .turn"));

  // Which words a correction takes out and puts in, shown while it is written (longest common subsequence).
  const differ = (field) => {
    const box = $(".diff", field.closest("[data-form]"));
    if (!box || !field.dataset.compare) return;
    const [a, b] = [field.dataset.compare, field.value].map((text) => text.split(/\s+/).filter(Boolean).slice(0, 600));
    const same = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
    for (let i = a.length - 1; i >= 0; i--) {
      for (let j = b.length - 1; j >= 0; j--) same[i][j] = a[i] === b[j] ? same[i + 1][j + 1] + 1 : Math.max(same[i + 1][j], same[i][j + 1]);
    }
    box.replaceChildren();
    const say = (tag, word) => { box.append(Object.assign(document.createElement(tag), { textContent: word }), " "); };
    let [i, j] = [0, 0];
    while (i < a.length || j < b.length) {
      if (i < a.length && j < b.length && a[i] === b[j]) { say("span", a[i++]); j++; }
      else if (i < a.length && (j === b.length || same[i + 1][j] >= same[i][j + 1])) say("del", a[i++]);
      else say("ins", b[j++]);
    }
    box.hidden = a.join(" ") === b.join(" ");
  };
  document.addEventListener("input", (event) => { if (event.target.closest("[data-form]")) differ(event.target); });

  const local = {
    theme: () => { store("joyul-theme", dark() ? "light" : "dark"); paint(); },
    language: (button) => {
      document.cookie = `joyul-language=${button.dataset.to}; path=/; max-age=31536000; samesite=lax`;
      location.href = `/${button.dataset.to}/${location.search}${location.hash}`;
    },
    settings: () => drawer("settings", !html.classList.contains("show-settings")),
    viewer: () => drawer("viewer", false),
    page: (button) => openPage(button.dataset.to),
    jump: (button) => $(button.dataset.to, button.closest(".tabitem"))?.scrollIntoView({ block: "start" }),
    copy: (button) => copy(button, button.dataset.text),
    receipt: (button) => {
      const box = $(".opened", button.closest(".turn, .answer-column"));
      box.hidden = !box.hidden;
      button.setAttribute("aria-expanded", String(!box.hidden));
    },
    form: (button) => {
      const form = formOf(button);
      form.hidden = !form.hidden;
      form.parentElement.classList.toggle("editing", !form.hidden);
      if (form.hidden) return;
      const field = $("textarea, input", form);
      field.focus();
      if (field.select && field.tagName === "INPUT") field.select();
      differ(field);
    },
    unform: (button) => {
      const form = button.closest("[data-form]");
      form.hidden = true;
      form.parentElement.classList.remove("editing");
      const opener = $("[data-local=form]", form.parentElement);
      if (opener) opener.focus();
    },
    source: (button) => {
      const scope = button.closest(".turn, .answer-column");
      $(`.source[data-n="${button.dataset.n}"]`, scope)?.click();
    },
  };

  // Buttons of an HTML area: sends the event that data-act names, with the button's data and its form's text.
  window.joyulPanel = (element, trigger) => {
    if (element.closest("#thread") || $(".thread", element)) window.joyul.sync = (data) => trigger("sync", data);
    element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-act]");
      if (!button || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      if (button.dataset.confirm !== undefined && !button.classList.contains("sure")) {
        button.classList.add("sure");
        button.textContent = words.sure;
        setTimeout(() => { if (button.isConnected && button.classList.contains("sure")) { button.classList.remove("sure"); button.textContent = "×"; } }, 3000);
        return;
      }
      const form = button.closest("[data-form]");
      const field = form && $("textarea, input", form);
      trigger(button.dataset.act, { ...button.dataset, ...(field ? { text: field.value } : {}) });
      if (button.dataset.act === "rename") local.unform(button);
      else if (field) { button.disabled = true; setTimeout(() => { button.disabled = false; }, 1500); }
      if (button.dataset.act === "open" && narrow()) foldSidebar(false);
      if (button.dataset.act === "ask" && !narrow() && element.closest("#thread")) $("#composer textarea").focus();
    });
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-local]");
    if (button && local[button.dataset.local]) { event.preventDefault(); local[button.dataset.local](button); }
    const page = event.target.closest("#pages > .tab-wrapper button[role=tab]");
    if (page) markPage(pages.find((name) => page.id === `page-${name}-button`) || "chat");
  });

  const typing = (target) => target.closest("input, textarea, select, [contenteditable=true]");
  // Enter that ends a Hangul syllable belongs to the input method, not to the page.
  document.addEventListener("keypress", (event) => { if (event.isComposing || event.keyCode === 229) event.stopPropagation(); }, true);
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      const search = () => $("#search-chats input, #search-chats textarea")?.focus();
      if (sidebarOpen()) search(); else { foldSidebar(true); setTimeout(search, 60); }
      return;
    }
    if (event.key === "Escape") {
      if (html.classList.contains("show-viewer")) return drawer("viewer", false);
      if (html.classList.contains("show-settings")) return drawer("settings", false);
      const stop = [...document.querySelectorAll("#stop, #compare-stop")].find(shown);
      if (stop) return stop.click();
      const form = event.target.closest && event.target.closest("[data-form]");
      if (form) return local.unform(form);
    }
    const field = event.target.closest("[data-form] :is(input, textarea)");
    if (field && event.key === "Enter" && (field.tagName === "INPUT" || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      return $("[data-act]", field.closest("[data-form]")).click();
    }
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && event.target.closest("#search-chats, #chats a")) {
      const links = [...document.querySelectorAll("#chats .chat > a")];
      const next = links[links.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1)];
      event.preventDefault();
      return (next || $("#search-chats input, #search-chats textarea")).focus();
    }
    if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") {
      const box = [...document.querySelectorAll("#composer textarea, #question textarea, #search-documents input, #search-documents textarea")].find(shown);
      if (box) { event.preventDefault(); box.focus(); box.select(); }
    }
    if (/^[1-9]$/.test(event.key)) {
      const vote = $(`#columns [data-act=vote][data-key="${event.key}"]`);
      if (shown(vote)) { event.preventDefault(); vote.click(); }
    }
  });

  // New content: keep the end in view while it grows, open the viewer at its place, keep the address.
  let opened = "";
  let voting = "";
  const settle = () => {
    remember();
    const live = $("#live .live");
    if (live) {
      const room = document.scrollingElement;
      if (room.scrollHeight - room.scrollTop - room.clientHeight < 260) room.scrollTop = room.scrollHeight;
    }
    // When there is something to vote on the number keys vote, unless the next question is being typed already.
    const round = $("#columns .vote-bar") ? $("#columns .columns-area").dataset.key : "";
    if (round !== voting) {
      const [box, asked] = [$("#question textarea"), $("#columns .asked")];
      if (round && document.activeElement === box && box.value.trim() === asked.textContent) asked.focus({ preventScroll: true });
      voting = round;
    }
    const document_ = $("#viewer [data-opened]");
    const mark = document_ ? document_.dataset.opened : "";
    if (mark !== opened) {
      opened = mark;
      drawer("viewer", Boolean(mark));
      if (mark) $("#viewer mark")?.scrollIntoView({ block: "center" });
    }
  };
  // Gradio names these in English only.
  const named = () => {
    for (const [found, name] of [["#sidebar .toggle-button", words.menu], [".upload-container", words.drop]]) {
      for (const each of document.querySelectorAll(found)) if (each.ariaLabel !== name) each.ariaLabel = each.title = name;
    }
    for (const each of document.querySelectorAll("[aria-label^='number input for '], [aria-label^='range slider for ']")) {
      each.ariaLabel = each.ariaLabel.replace(/^\w+ \w+ for /, "");
    }
  };
  let queued = false;
  let last = "";
  new MutationObserver(() => {
    if (queued) return;
    queued = true;
    requestAnimationFrame(() => {
      queued = false;
      settle();
      named();
      const thread = $("#thread [data-conversation]");
      const turns = `${thread?.dataset.conversation}:${document.querySelectorAll("#thread .turn").length}`;
      if (turns !== last && document.querySelectorAll("#thread .turn").length) {
        last = turns;
        document.scrollingElement.scrollTop = document.scrollingElement.scrollHeight;
      }
    });
  }).observe(html, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-opened", "data-conversation"] });

  // What another tab did is shown here too, and what goes on without us; a form being filled in is left alone.
  let pulse = "";
  let written = "";
  const look = async () => {
    if (document.hidden || !window.joyul.sync || $(".own-form:not([hidden])")) return;
    const conversation = $("#thread [data-conversation]")?.dataset.conversation || "";
    try {
      const answer = await fetch(`/pulse?c=${encodeURIComponent(conversation)}`, { cache: "no-store" });
      const { changes, busy } = await answer.json();
      html.classList.remove("offline");
      const live = $("#live [data-followed]")?.innerHTML || "";
      const fed = live !== "" && live !== written;
      written = live;
      if (changes !== pulse || (busy && !fed)) window.joyul.sync({ conversation });
      pulse = changes;
    } catch { html.classList.add("offline"); }
  };
  setInterval(look, 1500);
  document.addEventListener("visibilitychange", look);

  const ready = () => {
    paint();
    new MutationObserver(paint).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    const wait = new MutationObserver(() => {
      if (!tab("chat")) return;
      wait.disconnect();
      paint();
      if (narrow()) setTimeout(() => foldSidebar(false), 0);
      const page = location.hash.slice(1);
      if (pages.includes(page)) openPage(page); else html.dataset.page = "chat";
      html.classList.add("ready");
    });
    wait.observe(document.body, { childList: true, subtree: true });
  };
  if (document.body) ready(); else document.addEventListener("DOMContentLoaded", ready);
})();
