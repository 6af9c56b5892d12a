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
