// The evaluate page: loads a run's items when they come near the view, and leads figures to them.
(() => {
  // What is drawn in a box. Gradio may keep the element and only change its attributes and content.
  const drawn = new WeakMap();
  const current = (box) => {
    const known = drawn.get(box);
    return known && known.url === box.dataset.items && (known.waiting || box.querySelector(".results")) ? known : null;
  };
  const load = async (box, known) => {
    try {
      const response = await fetch(known.url);
      if (!response.ok) throw new Error(String(response.status));
      const data = await response.json();
      if (drawn.get(box) !== known) return null;
      known.browser = window.joyulItems(box, data, window.joyul.language);
    } catch {
      if (drawn.get(box) === known) box.textContent = box.dataset.failed;
    }
    known.waiting = !known.browser; // a failure stays, rather than being tried for ever
    return known.browser;
  };
  const mount = (box) => {
    const known = current(box);
    if (known) return known.loading;
    const next = { url: box.dataset.items, waiting: true, browser: null };
    drawn.set(box, next);
    next.loading = load(box, next);
    return next.loading;
  };
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { seen.unobserve(entry.target); mount(entry.target); }
  }, { rootMargin: "4000px" });
  new MutationObserver(() => {
    for (const box of document.querySelectorAll("#report .items[data-items]")) if (!current(box)) seen.observe(box);
  }).observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-items"] });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("#report [data-show]");
    const box = button && document.querySelector("#report .items[data-items]");
    if (box) (await mount(box))?.show(button.dataset.show);
  });
})();
