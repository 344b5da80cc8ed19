// Shows the verdicts, rows and sentences of the chosen arms and entity type.
const filter = document.querySelector(".filter");

function start() {
  const { one, other, type, words } = filter.elements;
  const [arms, types] = [JSON.parse(filter.dataset.arms), JSON.parse(filter.dataset.types)];
  const cards = document.querySelectorAll("#sentences .card");

  function show() {
    const chosen = [one.value, other.value].filter((value) => value !== "");
    const names = chosen.map((value) => arms[value]);
    const isChosen = (pair) => names.every((name) => pair.dataset.first === name || pair.dataset.second === name);
    for (const verdict of document.querySelectorAll("p[data-first]")) verdict.hidden = !isChosen(verdict);
    for (const table of document.querySelectorAll("main table")) showRows(table, names, isChosen);
    showSentences(chosen);
  }

  // A cell that names a pair or an entity type counts for the rows below it, too, until the next such cell.
  function showRows(table, names, isChosen) {
    let [pairFits, typeFits] = [true, true];
    for (const row of table.tBodies[0].rows) {
      const [pair, arm, label] = ["[data-first]", "[data-arm]", "th .type"].map((part) => row.querySelector(part));
      if (pair) pairFits = isChosen(pair);
      if (label) typeFits = type.value === "" || label.textContent === types[type.value];
      // the first arm stays beside the others where these are shown as differences from it
      const isBaseline = arm?.dataset.arm === arms[0] && table.closest("#kinds") !== null;
      const armFits = !arm || names.length === 0 || isBaseline || names.includes(arm.dataset.arm);
      row.hidden = !(pairFits && typeFits && armFits);
    }
  }

  function showSentences(chosen) {
    const fits = (difference) => {
      const [first, second, kind] = difference.split(":");
      return chosen.every((arm) => arm === first || arm === second) && (type.value === "" || type.value === kind);
    };
    const sought = words?.value.trim().toLowerCase() ?? "";
    let shown = 0;
    for (const card of cards) {
      card.hidden = !card.dataset.differences.split(" ").some(fits) || !card.dataset.words.toLowerCase().includes(sought);
      if (!card.hidden) shown += 1;
    }
    const output = filter.querySelector("output");
    if (output) output.textContent = `sentences shown: ${shown} of ${cards.length}`;
  }

  filter.addEventListener("input", show);
  filter.addEventListener("submit", (event) => event.preventDefault());
  filter.hidden = false;
  show();
}

if (filter) start();
