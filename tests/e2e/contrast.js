/* Returns every visible text whose contrast against its background is under 4.5:1 (WCAG 2 AA). */
() => {
  const parse = (c) => { const n = c.match(/[\d.]+/g).map(Number); return n.length < 4 ? [...n.slice(0, 3), 1] : n; };
  const light = (c) => { const f = c.map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c[3] > 0.9) return c.slice(0, 3); } return parse(getComputedStyle(document.body).backgroundColor).slice(0, 3); };
  const bad = [];
  for (const e of document.querySelectorAll("#pages *, #sidebar *, #tools *")) {
    if (!e.offsetParent || e.closest("[disabled], .sr, .sr-only, .visually-hidden") || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    const style = getComputedStyle(e);
    if (style.visibility === "hidden" || style.opacity === "0" || style.color.startsWith("color(")) continue;
    const [a, b] = [light(parse(style.color).slice(0, 3)), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) bad.push(`${ratio.toFixed(2)} ${e.tagName}.${e.className} ${e.textContent.trim().slice(0, 30)}`);
  }
  return bad;
}
