// The review queue's keys: a letter presses the button that carries it, whatever layout the keyboard has.
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  document.addEventListener("keydown", (event) => {
    const away = event.isComposing || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, [role=tab]");
    if (away || !/^Key[A-Z]$/.test(event.code)) return;
    const button = $(`#review [data-review-key="${event.code.slice(3).toLowerCase()}"]`);
    if (!button || button.offsetParent === null) return;
    event.preventDefault();
    button.click();
  });
  // A part of the page that another one points to.
  document.addEventListener("click", (event) => {
    const to = event.target.closest("[data-to-part]");
    if (to) $(`#data-${to.dataset.toPart}-button`)?.click();
  });
  // What was pressed is for the candidate in view: until the next one is there, a second press decides nothing.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("#review .candidate [data-act]");
    if (!button) return;
    const card = button.closest(".candidate");
    if (card.dataset.sent) { event.preventDefault(); event.stopImmediatePropagation(); return; }
    card.dataset.sent = "1";
    setTimeout(() => { delete card.dataset.sent; }, 4000); // it stays where the decision was refused
  }, true);
  // The next candidate takes the focus of the one that is gone, so that a screen reader reads on there.
  let last = "";
  new MutationObserver(() => {
    const card = $("#review [data-candidate].candidate");
    const id = card ? card.dataset.candidate : "";
    if (id === last) return;
    const goes = last && id && card.offsetParent !== null && document.activeElement === document.body;
    last = id;
    if (goes) card.focus({ preventScroll: true });
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
