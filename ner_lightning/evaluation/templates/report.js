"use strict";
// Shows the sentences that have an error of the chosen kind with the chosen type, and hold the words sought.
const filter = document.querySelector(".filter");
const { kind, type, words } = filter.elements;
const cards = [...document.querySelectorAll("#sentences .card")];

function matches(card) {
  const fits = (error) => {
    const [errorKind, errorType] = error.split(":");
    return (kind.value === "" || kind.value === errorKind) && (type.value === "" || type.value === errorType);
  };
  return (
    card.dataset.errors.trim().split(" ").some(fits) &&
    card.querySelector(".sentence").textContent.toLowerCase().includes(words.value.trim().toLowerCase())
  );
}

function show() {
  for (const card of cards) card.hidden = !matches(card);
  const shown = cards.filter((card) => !card.hidden).length;
  filter.querySelector("output").textContent = `${shown} of ${cards.length} shown`;
}

filter.addEventListener("input", show);
filter.addEventListener("submit", (event) => event.preventDefault());
filter.hidden = false;
show();
