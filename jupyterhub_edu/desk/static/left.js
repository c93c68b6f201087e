// Counts down what is left of sessions. Without it the pages say when they stop, which stays true.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const loaded = Date.now();
  const say = (seconds) => {
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
    if (hours) return `${hours} h ${minutes} min`;
    if (seconds >= 600) return `${minutes} min`;
    return `${minutes} min ${seconds % 60} s`;
  };

  function count() {
    const since = (Date.now() - loaded) / 1000;
    for (const shown of document.querySelectorAll("[data-edu-left]")) {
      const left = Math.max(0, Math.round(Number(shown.dataset.eduLeft) - since));
      shown.hidden = false;
      // The words come with the page, in its language.
      const { eduSays, eduOver } = shown.dataset;
      shown.textContent = left ? eduSays.replace("%(time)s", say(left)) : eduOver;
      const note = shown.closest("[data-edu-warn]");
      if (note && left <= Number(note.dataset.eduWarn)) note.classList.replace("alert-light", "alert-warning");
    }
  }

  count();
  setInterval(count, 1000);
});
