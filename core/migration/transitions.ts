/** What becomes of a migration with time, by what people ask, and after a new start. */
import { faultOf, figuresText, hasEnough } from "./judge.ts";
import {
  type ActivePhase,
  activePhase,
  concluded,
  type Migration,
  type Moment,
  type Phase,
  runningPhase,
  stageShare,
} from "./migration.ts";
import { EARLY_LOOK_Z, LAST_LOOK_Z } from "./statistics.ts";
import { EMPTY_WINDOWS, type Windows } from "./window.ts";

const SECOND_MS = 1000;

/** What a look finds: the groups since the stage began. */
export interface Look extends Moment {
  readonly windows: Windows;
  /** Some backend of the new group takes requests. */
  readonly isRoutable: boolean;
}

/**
 * Looks at a migration: a NO-GO takes the new group's share away, also during a pause, and a GO at the end of a stage
 * begins the next one. Gives the same value when nothing changes.
 */
export function look(migration: Migration, seen: Look): Migration {
  const noted = noteRoutable(migration, seen);
  const phase = activePhase(noted);
  if (phase === null) return noted;
  const why = unroutableFault(noted, phase, seen) ?? faultOf(seen.windows, noted.options, EARLY_LOOK_Z);
  if (why !== null) return rolledBack(noted, why, seen);
  return phase.kind === "running" ? lookAtStage(noted, phase, seen) : noted;
}

export const ACTIONS = ["pause", "resume", "advance", "abort", "release"] as const;
export type Action = (typeof ACTIONS)[number];

export type ActionOutcome =
  | { readonly ok: true; readonly migration: Migration }
  /** Why it cannot be done now. */
  | { readonly ok: false; readonly why: string };

/** Does what a person asks; `by` is how the log calls them. */
export function act(migration: Migration, action: Action, by: string, seen: Look): ActionOutcome {
  const phase = activePhase(migration);
  if (action === "release") return release(migration, phase);
  if (phase === null) return refused(`the migration has ended (${migration.phase.kind})`);
  const why = by === "" ? "asked for" : `asked for by ${by}`;
  if (action === "pause") {
    return phase.kind === "paused" ? refused("it is paused already") : pause(migration, phase, why, seen);
  }
  if (action === "resume") {
    return phase.kind === "running" ? refused("it is not paused") : resume(migration, phase, why, seen);
  }
  if (action === "advance") {
    if (phase.kind === "paused") return refused("it is paused; resume it first");
    return { ok: true, migration: next(migration, phase, "advanced", why, seen) };
  }
  const end: Phase = { kind: "aborted", endedMs: seen.wallMs, why };
  return { ok: true, migration: concluded(migration, end, "aborted", { ...seen, why }) };
}

/** Goes on after a new start of the server: the stage begins anew, as nothing is known of what it has measured. */
export function restarted(migration: Migration, moment: Moment): Migration {
  const phase = activePhase(migration);
  if (phase === null) return migration;
  const { nowMs, wallMs } = moment;
  const anew: Phase =
    phase.kind === "running"
      ? runningPhase(phase.stage, moment)
      : { ...phase, sinceMs: nowMs, startedMs: wallMs, unroutableSinceMs: null };
  const why = "the server was started again: what was measured before is not known, the stage begins anew";
  return concluded(migration, anew, "restarted", { why, windows: EMPTY_WINDOWS, wallMs });
}

function noteRoutable(migration: Migration, { nowMs, isRoutable }: Look): Migration {
  const phase = activePhase(migration);
  if (phase === null || isRoutable === (phase.unroutableSinceMs === null)) return migration;
  return { ...migration, phase: { ...phase, unroutableSinceMs: isRoutable ? null : nowMs } };
}

/** Nothing is sent to a new group without a share: its backends may yet be on their way. */
function unroutableFault({ options }: Migration, phase: ActivePhase, { nowMs }: Look): string | null {
  if (phase.unroutableSinceMs === null || (phase.kind === "paused" && phase.sharePercent === 0)) return null;
  if (nowMs - phase.unroutableSinceMs < options.unroutable_seconds * SECOND_MS) return null;
  return `no backend of the new group takes requests, for ${options.unroutable_seconds} s (unroutable_seconds)`;
}

function lookAtStage(
  migration: Migration,
  phase: Extract<Phase, { kind: "running" }>,
  seen: Look,
): Migration {
  const { options } = migration;
  const { windows } = seen;
  const heldMs = seen.nowMs - phase.sinceMs;
  if (heldMs < options.hold_seconds * SECOND_MS) return migration;
  if (hasEnough(windows, stageShare(migration, phase.stage), options)) {
    const why = faultOf(windows, options, LAST_LOOK_Z);
    if (why !== null) return rolledBack(migration, why, seen);
    return next(migration, phase, "go", figuresText(windows), seen);
  }
  if (heldMs < options.max_hold_seconds * SECOND_MS) return migration;
  const { from, to } = windows;
  const few = `too little traffic: ${to.requests} and ${from.requests} requests of at least ${options.min_requests}`;
  if (options.on_too_little_traffic === "go") return next(migration, phase, "go", few, seen);
  if (options.on_too_little_traffic === "abort") return rolledBack(migration, few, seen);
  return phase.isOverdue ? migration : { ...migration, phase: { ...phase, isOverdue: true } };
}

function next(
  migration: Migration,
  { stage }: ActivePhase,
  decision: "go" | "advanced",
  why: string,
  seen: Look,
): Migration {
  const isLast = stage + 1 >= migration.options.stages.length;
  const end: Phase = { kind: "completed", endedMs: seen.wallMs, why: "every stage was passed" };
  return concluded(migration, isLast ? end : runningPhase(stage + 1, seen), decision, { ...seen, why });
}

function rolledBack(migration: Migration, why: string, seen: Look): Migration {
  const end: Phase = { kind: "rolled_back", endedMs: seen.wallMs, why };
  return concluded(migration, end, "no_go", { ...seen, why });
}

function pause(
  migration: Migration,
  { stage, unroutableSinceMs }: ActivePhase,
  why: string,
  seen: Look,
): ActionOutcome {
  const begun = { stage, sinceMs: seen.nowMs, startedMs: seen.wallMs, unroutableSinceMs };
  const phase: Phase = { kind: "paused", ...begun, sharePercent: stageShare(migration, stage) };
  return { ok: true, migration: concluded(migration, phase, "paused", { ...seen, why }) };
}

function resume(migration: Migration, { stage }: ActivePhase, why: string, seen: Look): ActionOutcome {
  return {
    ok: true,
    migration: concluded(migration, runningPhase(stage, seen), "resumed", { ...seen, why }),
  };
}

function release(migration: Migration, phase: ActivePhase | null): ActionOutcome {
  if (phase !== null) return refused("it is under way; abort it first");
  if (migration.isReleased) return refused("it has been released already");
  return { ok: true, migration: { ...migration, isReleased: true } };
}

function refused(why: string): ActionOutcome {
  return { ok: false, why };
}
