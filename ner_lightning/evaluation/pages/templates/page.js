"use strict";
// A table that is wider than its place is a region to go to and scroll by the keyboard; any other is none.
const widths = new ResizeObserver((changes) => {
  for (const { target } of changes) {
    const caption = target.closest("figure").querySelector("figcaption").textContent;
    const attributes = { tabindex: 0, role: "region", "aria-label": caption };
    for (const [name, value] of Object.entries(attributes)) {
      if (target.scrollWidth > target.clientWidth) target.setAttribute(name, value);
      else target.removeAttribute(name);
    }
  }
});
for (const table of document.querySelectorAll(".scroll")) widths.observe(table);
