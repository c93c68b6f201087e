/* When this server stops, in JupyterLab and Notebook 7: a line in the status bar, warnings, and a button for more time;
 * and what staff of one's courses say to one.
 *
 * A prebuilt extension, written by hand as the container that JupyterLab's loader asks for: `init` receives the modules
 * that the application shares, `get` hands out ours. Nothing is built, nothing is bundled, nothing is loaded from elsewhere.
 *
 * The hub says everything in the language that the browser asks for; the words below are for the time before it has.
 *
 * It asks the hub for /hub/api/edu/session/<user>/<server> with the token that the server gave this page, which belongs to
 * the visitor and reaches this server only. Someone who visits somebody else's server is told nothing.
 */
"use strict";
(() => {
  const NAME = "jupyterhub-edu";
  const ASK_EVERY = 60_000;
  const ASK_SELDOM = 300_000;
  let shared = {};
  let phrases = {
    stops_in: "Stops in {time}",
    stopping: "Stopping",
    read_all: "Read it all",
    strange: "The hub did not answer as it should.",
    away: "The hub does not answer; nothing has changed.",
  };

  /** A module that the application shares, in the version that it uses itself; undefined if it shares none. */
  async function use(name) {
    const versions = Object.values(shared[name] ?? {});
    const one = versions.find((version) => version.loaded) ?? versions[0];
    return one && (await one.get())();
  }

  /** What the server wrote into the page about the hub; null without a hub, or on somebody else's server. */
  function findHub() {
    const element = document.getElementById("jupyter-config-data");
    const page = element ? JSON.parse(element.textContent) : {};
    if (!page.hubPrefix || !page.token || page.hubUser !== page.hubServerUser) {
      return null;
    }
    const path = [page.hubServerUser, page.hubServerName].filter(Boolean).map(encodeURIComponent);
    return {
      url: `${page.hubHost ?? ""}${page.hubPrefix}api/edu/session/${path.join("/")}`,
      headers: { Authorization: `token ${page.token}` },
    };
  }

  /** "2 h 5 min", "9 min", "40 s": what is left, rounded down, as people say it. */
  function say(milliseconds) {
    const seconds = Math.max(0, Math.floor(milliseconds / 1000));
    const minutes = Math.floor(seconds / 60);
    if (minutes >= 60) {
      return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
    }
    return minutes >= 2 ? `${minutes} min` : `${seconds} s`;
  }

  const SHORT = 140; // characters that a notification shows

  /** What staff say: shown once in each page, until it is closed, over or taken back. All of it is shown as text. */
  class Messages {
    constructor(notification, showDialog, Dialog) {
      this.notification = notification;
      this.showDialog = showDialog;
      this.Dialog = Dialog;
      this.shown = new Map(); // id of a message to that of its notification
    }

    learn(messages) {
      const now = new Set(messages.map((message) => message.id));
      for (const [id, shown] of this.shown) {
        if (!now.has(id)) {
          this.notification?.dismiss(shown);
          this.shown.delete(id);
        }
      }
      messages.filter((message) => !this.shown.has(message.id)).forEach((message) => this.tell(message));
    }

    tell(message) {
      const time = new Date(message.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
      const from = `${message.by} (${message.course}), ${time}`;
      const text = `${from}: ${message.text}`;
      const actions = [];
      if (text.length > SHORT && this.showDialog) {
        actions.push({
          label: phrases.read_all,
          callback: (event) => {
            event?.preventDefault?.(); // it stays until it is closed
            this.showDialog({ title: from, body: message.text, buttons: [this.Dialog.okButton()] });
          },
        });
      }
      const shown = this.notification?.emit(text, "info", { actions, autoClose: false });
      this.shown.set(message.id, shown ?? "");
    }
  }

  class Watch {
    constructor(hub, notification, show, messages) {
      this.hub = hub;
      this.notification = notification;
      this.show = show;
      this.messages = messages;
      this.session = null;
      this.endsAt = null; // by this machine's clock, which may be wrong
      this.warned = new Set();
      this.shown = null;
      this.askAgain = 0;
    }

    start() {
      this.ask();
      setInterval(() => this.tick(), 1000);
      // A machine that slept, or a tab in the background, has missed its turns.
      document.addEventListener("visibilitychange", () => document.hidden || this.ask());
    }

    async call(method) {
      const response = await fetch(this.hub.url, {
        method,
        headers: this.hub.headers,
        cache: "no-store",
        credentials: "omit",
      });
      const body = await response.json().catch(() => ({}));
      return { status: response.status, body };
    }

    async ask() {
      this.askAgain = Date.now() + ASK_EVERY * (1 + Math.random() / 4);
      try {
        const { status, body } = await this.call("GET");
        if (status === 200) {
          this.learn(body);
        } else if (status === 404 || status === 403) {
          this.learn(null);
          this.askAgain = Date.now() + ASK_SELDOM;
        }
      } catch {
        // The hub is away; what is known stays shown.
      }
      this.tick();
    }

    learn(session) {
      phrases = { ...phrases, ...session?.phrases };
      this.messages.learn(session?.messages ?? []);
      const before = this.session?.ends_at;
      this.session = session;
      this.endsAt = session?.ends_at
        ? Date.now() + Date.parse(session.ends_at) - Date.parse(session.now)
        : null;
      if (before !== session?.ends_at) {
        this.warned.clear();
        this.dismiss();
      }
    }

    tick() {
      if (Date.now() >= this.askAgain) {
        this.ask();
      }
      if (this.endsAt === null) {
        this.show("", "");
        return;
      }
      const left = this.endsAt - Date.now();
      const due = this.session.warn_before.filter((seconds) => left <= seconds * 1000);
      const words = left > 0 ? phrases.stops_in.replace("{time}", say(left)) : phrases.stopping;
      this.show(words, this.session.sentence, due.length > 0);
      const latest = Math.min(...due);
      if (due.length && !this.warned.has(latest)) {
        due.forEach((seconds) => this.warned.add(seconds));
        this.warn();
      }
    }

    warn() {
      const extend = this.session.extend;
      const actions = [];
      let text = this.session.sentence;
      if (extend?.allowed) {
        actions.push({
          label: extend.label,
          displayType: "accent",
          callback: (event) => {
            event?.preventDefault?.(); // the answer replaces the question
            this.extend();
          },
        });
      } else if (extend?.sentence) {
        text += ` ${extend.sentence}`;
      }
      this.tell("warning", text, actions);
    }

    async extend() {
      try {
        const { status, body } = await this.call("POST");
        if (status === 200) {
          this.learn(body);
          this.tell("success", body.sentence, [], 10_000);
        } else {
          this.tell("error", body.message ?? phrases.strange, []);
        }
      } catch {
        this.tell("error", phrases.away, []);
      }
      this.tick();
    }

    tell(type, message, actions, autoClose = false) {
      this.dismiss();
      this.shown = this.notification?.emit(message, type, { actions, autoClose }) ?? null;
    }

    dismiss() {
      if (this.shown !== null) {
        this.notification?.dismiss(this.shown);
        this.shown = null;
      }
    }
  }

  async function makePlugin() {
    const [apputils, statusbar, widgets] = await Promise.all(
      ["@jupyterlab/apputils", "@jupyterlab/statusbar", "@lumino/widgets"].map(use),
    );
    const token = statusbar?.IStatusBar;
    return {
      id: `${NAME}:session`,
      description: "Says when this server stops, and warns before.",
      autoStart: true,
      optional: token ? [token] : [],
      activate: (_app, bar) => {
        const hub = findHub();
        if (hub === null) {
          return;
        }
        const line = document.createElement("span");
        line.className = "jp-StatusBar-TextItem";
        if (bar && widgets) {
          const item = new widgets.Widget({ node: line });
          item.addClass(`${NAME}-session`);
          bar.registerStatusItem(`${NAME}:session`, { item, align: "left", rank: 100 });
        }
        const show = (text, why, isNear = false) => {
          if (line.textContent !== text) {
            line.textContent = text;
          }
          line.title = why;
          line.style.fontWeight = isNear ? "bold" : "";
        };
        const messages = new Messages(apputils?.Notification, apputils?.showDialog, apputils?.Dialog);
        new Watch(hub, apputils?.Notification, show, messages).start();
      },
    };
  }

  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB[NAME] = {
    init: (scope) => {
      shared = scope;
    },
    get: async () => {
      const plugin = await makePlugin();
      return () => ({ __esModule: true, default: plugin });
    },
  };
})();
