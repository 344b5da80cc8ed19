// Shows the errors of the chosen kind and types, in the sentences that contain the given words.
const filter = document.querySelector(".filter");
const { kind, gold, predicted, words } = filter.elements;
const cards = document.querySelectorAll("#sentences .card");
const timesByError = Object.entries(JSON.parse(filter.dataset.errors));

function show() {
  const wanted = [kind.value, gold.value, predicted.value];
  const fits = (error) => error.split(":").every((part, i) => wanted[i] === "" || wanted[i] === part);
  const sought = words.value.trim().toLowerCase();
  let [errors, sentences, all] = [0, 0, 0];
  for (const card of cards) {
    const found = card.dataset.errors.split(" ").filter(fits).length;
    card.hidden = found === 0 || !card.dataset.words.toLowerCase().includes(sought);
    if (card.hidden) continue;
    errors += found;
    sentences += 1;
  }
  for (const [error, times] of timesByError) if (fits(error)) all += times;
  filter.querySelector("output").textContent = `errors shown: ${errors} of ${all}, sentences: ${sentences}`;
}

function choose(select, name) {
  select.value = [...select.options].find((option) => option.dataset.name === name)?.value ?? "";
}

// In the tables of kinds, a number is a button that shows its sentences; the total is that of all types.
for (const cell of document.querySelectorAll("#kinds td:not(.zero)")) {
  const head = cell.closest("table").tHead.rows[0].cells;
  const [row, column, side] = [cell.parentElement, head[cell.cellIndex].textContent, head[1].textContent];
  if (![...kind.options].some((option) => option.dataset.name === column)) continue;
  const button = document.createElement("button");
  button.textContent = cell.textContent;
  button.setAttribute("aria-label", `${row.cells[0].textContent}, ${column}: ${cell.textContent}`);
  button.addEventListener("click", () => {
    filter.reset();
    choose(kind, column);
    if (!row.matches(".total")) choose(filter.elements[side], row.cells[0].textContent);
    show();
    document.querySelector("#sentences").scrollIntoView();
    document.querySelector("#sentences h2").focus({ preventScroll: true });
  });
  cell.replaceChildren(button);
}

filter.addEventListener("input", show);
filter.addEventListener("submit", (event) => event.preventDefault());
for (const part of document.querySelectorAll(".scripted")) part.hidden = false;
show();
