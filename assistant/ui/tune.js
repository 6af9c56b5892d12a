// Tune: a fold says whether it is open; a field that is wrong says so, and points to the sentence that says why.
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const settle = () => {
    for (const fold of document.querySelectorAll(".label-wrap")) {
      const open = String(fold.classList.contains("open"));
      if (fold.ariaExpanded === open) continue;
      fold.ariaExpanded = open;
      $(".icon", fold).ariaHidden = "true";
    }
    const place = document.getElementById($("#tune-wrong")?.dataset.field || "");
    for (const field of document.querySelectorAll("#page-tune :is(input, textarea)")) {
      const wrong = Boolean(place && place.contains(field));
      if (wrong === field.hasAttribute("aria-invalid")) continue;
      for (const [name, value] of [["aria-invalid", "true"], ["aria-describedby", "tune-wrong"]]) {
        if (wrong) field.setAttribute(name, value); else field.removeAttribute(name);
      }
      // The sentence may have come to lie over the field that is being filled in.
      if (wrong && field === document.activeElement) field.scrollIntoView({ block: "nearest" });
    }
  };
  // A fold that has just been opened can take the focus from the next frame on.
  window.joyul.toWrong = () => setTimeout(() => { settle(); $("#page-tune [aria-invalid=true]")?.focus(); }, 60);
  let queued = false;
  new MutationObserver(() => {
    if (queued) return;
    queued = true;
    requestAnimationFrame(() => { queued = false; settle(); });
  }).observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: ["class", "data-field"] });
})();
