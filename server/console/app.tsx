/** The frame around every view: navigation, who is logged in, news, help. */
import { useEffect, useState } from "preact/hooks";
import { loggedOut, request } from "./api.ts";
import { Help } from "./help.tsx";
import { setTheme, type Theme, themeNow } from "./store/prefs.ts";
import { goTo, VIEWS, type View, view } from "./store/route.ts";
import { useSignal } from "./store/signal.ts";
import { backends, link, who } from "./store/state.ts";
import { Dialog } from "./ui/dialog.tsx";
import { Icon, type IconName } from "./ui/icons.tsx";
import { IconButton } from "./ui/parts.tsx";
import { Toasts } from "./ui/toast.tsx";
import { AuditView } from "./views/audit.tsx";
import { CacheView } from "./views/cache.tsx";
import { DecisionsView } from "./views/decisions.tsx";
import { FleetView } from "./views/fleet.tsx";
import { LogView } from "./views/log.tsx";
import { MigrationsView } from "./views/migrations.tsx";
import { QueueView } from "./views/queue.tsx";
import { SettingsView } from "./views/settings.tsx";
import { TrafficView } from "./views/traffic.tsx";

const TITLES: Readonly<Record<View, string>> = {
  fleet: "Fleet",
  traffic: "Traffic",
  decisions: "Decisions",
  queue: "Queue and leases",
  migrations: "Migrations",
  cache: "Cache",
  settings: "Settings",
  log: "Log",
  audit: "Audit",
};

const SCREENS: Readonly<Record<View, () => preact.JSX.Element>> = {
  fleet: FleetView,
  traffic: TrafficView,
  decisions: DecisionsView,
  queue: QueueView,
  migrations: MigrationsView,
  cache: CacheView,
  settings: SettingsView,
  log: LogView,
  audit: AuditView,
};

export function App() {
  const shown = useSignal(view);
  const isOut = useSignal(loggedOut);
  const [isHelping, setHelping] = useState(false);
  const Screen = SCREENS[shown];
  useEffect(() => {
    document.title = `${TITLES[shown]} · Opsen`;
    // On a phone the views are a strip that scrolls.
    document.querySelector(".nav a[aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  }, [shown]);
  useEffect(() => onShortcuts(() => setHelping((before) => !before)), []);
  return (
    <div class="shell">
      <button type="button" class="skip-link" onClick={skip}>
        Skip to content
      </button>
      <Side shown={shown} onHelp={() => setHelping(true)} />
      <main class="main" id="main" tabIndex={-1}>
        <Screen />
      </main>
      <Toasts />
      {isHelping ? <Help onClose={() => setHelping(false)} /> : null}
      {isOut ? <LoggedOut /> : null}
    </div>
  );
}

/** A link to a fragment would change the view. */
function skip(): void {
  document.getElementById("main")?.focus();
}

function Side({ shown, onHelp }: { readonly shown: View; readonly onHelp: () => void }) {
  const fleet = useSignal(backends);
  return (
    <header class="side">
      <a class="brand" href="#/fleet">
        <img src="/console/icon.svg" alt="" width="26" height="26" />
        Opsen
      </a>
      <nav class="nav" aria-label="Views">
        <ul>
          {VIEWS.map((name) => (
            <li key={name}>
              <a href={`#/${name}`} aria-current={name === shown ? "page" : undefined}>
                <Icon name={name satisfies IconName} />
                {TITLES[name]}
                {name === "fleet" && fleet !== null ? <span class="count">{fleet.length}</span> : null}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <SideFoot onHelp={onHelp} />
    </header>
  );
}

const THEME_ICONS: Readonly<Record<Theme, IconName>> = { auto: "auto", light: "sun", dark: "moon" };
const NEXT_THEME: Readonly<Record<Theme, Theme>> = { auto: "light", light: "dark", dark: "auto" };

function SideFoot({ onHelp }: { readonly onHelp: () => void }) {
  const user = useSignal(who);
  const [theme, choose] = useState(themeNow());
  const next = NEXT_THEME[theme];
  return (
    <div class="side-foot">
      <LinkState />
      {user === null ? null : (
        <div class="who">
          <b>{user.keyless ? "this host, no key" : user.name}</b>
          <span>
            {user.scopes.includes("admin") ? "may change things" : "may look"} · {user.version}
          </span>
        </div>
      )}
      <div class="side-tools">
        <IconButton
          icon={THEME_ICONS[theme]}
          label={`Theme: ${theme}; switch to ${next}`}
          onClick={() => {
            setTheme(next);
            choose(next);
          }}
        />
        <IconButton icon="help" label="Keyboard shortcuts" onClick={onHelp} />
        {user === null || user.keyless ? null : (
          <IconButton icon="leave" label="Log out" onClick={() => void logOut()} />
        )}
      </div>
    </div>
  );
}

const LINK_TEXTS = {
  live: ["on", "Live"],
  polling: ["late", "Every 3 s"],
  connecting: ["late", "Connecting…"],
  offline: ["", "No connection"],
} as const;

function LinkState() {
  const [tone, text] = LINK_TEXTS[useSignal(link)];
  return (
    <span class={`live ${tone}`} role="status">
      <i />
      {text}
    </span>
  );
}

function LoggedOut() {
  return (
    <Dialog title="The log-in has ended" onClose={() => location.reload()}>
      <div class="dialog-body">
        <p>It was too long ago, nobody used the page for a while, or the key was taken away.</p>
        <p class="dialog-actions">
          <button type="button" class="button primary" onClick={() => location.reload()}>
            Log in again
          </button>
        </p>
      </div>
    </Dialog>
  );
}

async function logOut(): Promise<void> {
  await request("/console/logout", { method: "POST" }).catch(() => null);
  location.reload();
}

/** "g" and a letter goes to a view, "/" searches, "?" helps. */
function onShortcuts(help: () => void): () => void {
  let isGoing = false;
  const onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]") !== null) return;
    if (isGoing) {
      isGoing = false;
      const to = VIEWS.find((name) => name.startsWith(event.key));
      if (to !== undefined) goTo(to);
    } else if (event.key === "g") isGoing = true;
    else if (event.key === "?") help();
    else if (event.key === "/") {
      const search = document.querySelector<HTMLInputElement>("input[type=search]");
      if (search === null) return;
      event.preventDefault();
      search.focus();
    }
  };
  document.addEventListener("keydown", onKey);
  return () => document.removeEventListener("keydown", onKey);
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(?:INPUT|SELECT|TEXTAREA)$/.test(target.tagName))
  );
}
