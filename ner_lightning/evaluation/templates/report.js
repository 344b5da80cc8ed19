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

function named(select, name) {
  return [...select.options].find((option) => option.dataset.name === name);
}

// In the tables of kinds, a number leads to its sentences; the total is of no type.
for (const cell of document.querySelectorAll("#kinds td:not(.zero)")) {
  const column = named(kind, cell.closest("table").tHead.rows[0].cells[cell.cellIndex].textContent);
  if (column === undefined) continue;
  const button = document.createElement("button");
  button.textContent = cell.textContent;
  button.addEventListener("click", () => {
    kind.value = column.value;
    type.value = named(type, cell.parentElement.cells[0].textContent)?.value ?? "";
    words.value = "";
    show();
    document.querySelector("#sentences").scrollIntoView();
  });
  cell.replaceChildren(button);
}

filter.addEventListener("input", show);
filter.addEventListener("submit", (event) => event.preventDefault());
for (const part of document.querySelectorAll(".scripted")) part.hidden = false;
show();
