"use strict";
// A table that is wider than its space can be reached and scrolled by keyboard, and its title says that it scrolls.
const widths = new ResizeObserver((changes) => {
  for (const { target } of changes) {
    const figure = target.closest("figure");
    const caption = figure.querySelector("figcaption").textContent;
    figure.classList.toggle("scrolls", target.scrollWidth > target.clientWidth);
    const attributes = { tabindex: 0, role: "region", "aria-label": caption };
    for (const [name, value] of Object.entries(attributes)) {
      if (target.scrollWidth > target.clientWidth) target.setAttribute(name, value);
      else target.removeAttribute(name);
    }
  }
});
for (const table of document.querySelectorAll(".scroll")) widths.observe(table);
