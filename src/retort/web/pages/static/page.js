// The slider changes the verdicts at once, without a request. The page works without it.
"use strict";

/** As `apart` in numbers.py: enough decimals to show on which side of the threshold the value is. */
function apart(value, threshold) {
  for (let decimals = 2; decimals < 7; decimals += 1) {
    const text = value.toFixed(decimals);
    if (Number(text) >= threshold === value >= threshold) {
      if (decimals > 2) return text;
      if (value > 0 && value < 0.005) return "< 0.01";
      return value >= 0.995 && value < 1 ? "> 0.99" : text;
    }
  }
  return value.toFixed(6);
}

/** In a sentence: `over 0.99`. */
function spoken(number) {
  return number.replace("<", "under").replace(">", "over");
}

/** `0.50`, `0.4837`. */
function exact(threshold) {
  const [whole, decimals] = threshold.toFixed(4).split(".");
  return `${whole}.${decimals.replace(/0+$/, "").padEnd(2, "0")}`;
}

/** The outcome at a threshold; an unsure one is unsure at any. */
function outcomeAt(threshold, probability, before) {
  if (before === "unsure") return before;
  return probability >= threshold ? "positive" : "negative";
}

/** Sets the outcome of a section or pill, and the task's word for it, which the verdict section carries. */
function setOutcome(element, outcome) {
  element.dataset.verdict = outcome;
  const word = document.getElementById("verdict").dataset[outcome];
  if (word) element.querySelector("[data-word]").textContent = word;
  return word;
}

function moveMark(scope, threshold) {
  const mark = scope.querySelector("[data-mark]");
  if (!mark) return;
  for (const end of ["x1", "x2"]) mark.setAttribute(end, `${100 * threshold}%`);
}

function judgeSection(section, threshold) {
  const before = section.dataset.verdict;
  moveMark(section, threshold);
  if (before === "unsure") return;
  const probability = Number(section.dataset.probability);
  const outcome = outcomeAt(threshold, probability, before);
  const word = setOutcome(section, outcome);
  const written = spoken(apart(probability, threshold));
  const side = outcome === "positive" ? "at or above" : "below";
  document.getElementById("probability").textContent = written;
  document.getElementById("side").textContent = side;
  document.getElementById("against").textContent = exact(threshold);
  document.title = `${word} – Retort`;
  // Only a change is read out: the slider itself announces every step.
  if (outcome !== before) document.getElementById("live").textContent = `${word}: ${written} is ${side} ${exact(threshold)}.`;
}

function judgeRow(row, threshold) {
  const probability = Number(row.dataset.probability);
  const pill = row.querySelector(".pill");
  const outcome = outcomeAt(threshold, probability, pill.dataset.verdict);
  setOutcome(pill, outcome);
  row.querySelector(".wide").dataset.verdict = outcome;
  row.cells[2].textContent = apart(probability, threshold);
  row.querySelector("[data-against]").textContent = exact(threshold);
  moveMark(row, threshold);
}

function judgeBar(row, threshold) {
  const over = Number(row.dataset.probability) >= threshold;
  row.classList.toggle("over", over);
  row.querySelector("[data-over]").textContent = over ? ", reached" : "";
  row.querySelector("[data-against]").textContent = exact(threshold);
  moveMark(row, threshold);
}

function followSlider() {
  const slider = document.getElementById("threshold");
  const section = document.getElementById("verdict");
  const shown = document.getElementById("threshold-value");
  const rows = [...document.querySelectorAll(".models tr[data-probability]")];
  const bar = document.querySelector("[data-primary-row]");
  const own = Number(slider.dataset.own);
  // The slider has two decimals; at the position of the model's own threshold, that exact one counts.
  const start = slider.value;
  const atOwn = Number(start) === Number(own.toFixed(2));
  slider.addEventListener("input", () => {
    const back = slider.value === start;
    const threshold = Number(slider.value) === Number(own.toFixed(2)) ? own : Number(slider.value);
    shown.textContent = exact(threshold);
    if (!section) return;
    judgeSection(section, threshold);
    judgeBar(bar, threshold);
    // Back at the start, every model has its own threshold again, as the server judged them.
    for (const row of rows) judgeRow(row, back && atOwn ? Number(row.dataset.threshold) : threshold);
  });
  const again = document.getElementById("again");
  if (again) again.hidden = true;
}

function countCharacters() {
  const text = document.getElementById("text");
  const count = document.getElementById("count");
  const limit = Number(text.dataset.limit);
  const show = () => {
    const characters = [...text.value].length;
    count.textContent = characters > limit / 2 ? `${characters.toLocaleString("en")} so far.` : "";
    count.classList.toggle("over", characters > limit);
  };
  text.addEventListener("input", show);
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      text.form.requestSubmit(text.form.querySelector(".primary"));
    }
  });
  show();
}

/** Scrolls a long comment in its box to the first marked word. */
function showFirstMark() {
  const mark = document.querySelector(".comment mark");
  if (!mark) return;
  const box = mark.parentElement;
  box.scrollTop += mark.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 3;
}

function showWaiting() {
  const form = document.getElementById("judge");
  const button = form.querySelector(".primary");
  form.addEventListener("submit", (event) => {
    if (event.submitter !== button) return;
    form.setAttribute("aria-busy", "true");
    button.textContent = "Reading …";
  });
  // After the browser's back button, the page is as it was left.
  window.addEventListener("pageshow", () => {
    form.removeAttribute("aria-busy");
    button.textContent = "Judge";
  });
}

if (document.getElementById("judge")) {
  followSlider();
  countCharacters();
  showFirstMark();
  showWaiting();
}
