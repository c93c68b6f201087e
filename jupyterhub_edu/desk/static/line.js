// Follows one's place in the waiting line. Without it the page is loaded again every few seconds.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const region = document.querySelector("[data-edu-line]");
  if (!region) return;
  const part = (name) => document.querySelector(`[data-edu-${name}]`);
  const said = part("said"), lost = part("lost"), login = part("login"), leave = part("leave");
  const FIRST = 2_000, LONGEST = 60_000, QUIET = Number(region.dataset.eduQuiet); // milliseconds
  let stream = null, timer = null, quiet = null, pause = FIRST, over = false;

  function show(now) {
    lost.hidden = true;
    login.hidden = true;
    const fresh = new DOMParser().parseFromString(now.html, "text/html").body;
    if (fresh.innerHTML !== region.dataset.shown) {
      region.dataset.shown = fresh.innerHTML;
      region.replaceChildren(...fresh.childNodes);
    }
    // A screen reader hears the heading when it changes, and not every new estimate.
    if (document.title !== now.title) said.textContent = document.title = now.title;
    if (!now.leave && leave.contains(document.activeElement)) document.activeElement.blur();
    leave.hidden = !now.leave;
  }

  function end() {
    if (stream) stream.close();
    stream = null;
    clearTimeout(timer);
    clearTimeout(quiet);
  }

  // Ask again, ever more seldom, and not all at the same time.
  function lose() {
    end();
    lost.hidden = false;
    timer = setTimeout(follow, pause * (0.5 + Math.random()));
    pause = Math.min(pause * 2, LONGEST);
  }

  // A proxy may keep the connection to us when the hub behind it has gone: then nothing is heard any more.
  function heard() {
    clearTimeout(quiet);
    quiet = setTimeout(lose, QUIET);
  }

  function follow() {
    end();
    stream = new EventSource(region.dataset.eduLine);
    heard();
    stream.addEventListener("still", heard);
    stream.addEventListener("line", (event) => {
      heard();
      const now = JSON.parse(event.data);
      pause = FIRST;
      over = now.done;
      if (over) end();
      show(now);
      if (now.go) location.replace(now.go);
    });
    stream.addEventListener("login", () => {
      over = true;
      end();
      lost.hidden = true;
      login.hidden = false;
    });
    stream.addEventListener("error", () => {
      // A stream that has ended as it should is taken up again by the browser itself. Any other answer, such as that of
      // the proxy while the hub starts anew, ends it.
      if (stream !== null && stream.readyState === EventSource.CLOSED) lose();
    });
  }

  // Somebody who comes back to this tab may have joined again in another one.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && over) follow();
  });
  window.addEventListener("pagehide", end);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) follow();
  });
  follow();
});
