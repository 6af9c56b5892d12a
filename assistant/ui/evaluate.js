// The evaluate page: loads a run's items when they come into view, and leads figures to them.
(() => {
  const browsers = new WeakMap();
  const mount = (box) => {
    if (!browsers.has(box)) {
      browsers.set(box, (async () => {
        try {
          const response = await fetch(box.dataset.items);
          if (!response.ok) throw new Error(String(response.status));
          return window.joyulItems(box, await response.json(), window.joyul.language);
        } catch {
          box.textContent = box.dataset.failed;
          return null;
        }
      })());
    }
    return browsers.get(box);
  };
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { seen.unobserve(entry.target); mount(entry.target); }
  }, { rootMargin: "4000px" });
  new MutationObserver(() => {
    for (const box of document.querySelectorAll("#report .items[data-items]:not([data-watched])")) {
      box.dataset.watched = "";
      seen.observe(box);
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("#report [data-show]");
    const box = button && document.querySelector("#report .items[data-items]");
    if (box) (await mount(box))?.show(button.dataset.show);
  });
})();
