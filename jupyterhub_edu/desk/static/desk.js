// Keeps "who is on" fresh while the page is looked at. Without it everything works; "Look again" does the same.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const region = document.querySelector("[data-edu-refresh]");
  if (!region) return;

  async function lookAgain() {
    // Never under somebody's fingers: a focused link stays where it is.
    if (document.hidden || region.contains(document.activeElement)) return;
    const reply = await fetch(location.pathname, { credentials: "same-origin" });
    if (!reply.ok || reply.redirected) return;
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    const fresh = page.querySelector("[data-edu-refresh]");
    if (fresh && !region.contains(document.activeElement)) region.replaceChildren(...fresh.childNodes);
  }

  // What fails is tried again; the time shown on the page says how old it is.
  setInterval(() => lookAgain().catch(() => {}), 30_000);
});
