/** One migration: how far it is, how each stage went, and what can be done. */
import { isAdmin } from "../../store/state.ts";
import { dayAndClock, shown } from "../../ui/format.ts";
import { Button, Panel, Scroll, Status } from "../../ui/parts.tsx";

export interface Migration {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly status?: string;
  readonly state?: string;
  readonly stages?: readonly (number | Stage)[];
  readonly stage?: number;
  readonly share?: number;
  readonly reason?: string | null;
  readonly started_at?: string;
  readonly report?: readonly Stage[];
  readonly reports?: readonly Stage[];
}

export type Stage = Readonly<Record<string, unknown>>;

export function MigrationCard(props: {
  readonly migration: Migration;
  readonly onAct: (what: "pause" | "resume" | "abort") => void;
}) {
  const { migration, onAct } = props;
  const status = migration.status ?? migration.state ?? "unknown";
  const isOver = /^(?:completed|aborted|failed|done|rolled_back)$/.test(status);
  return (
    <Panel
      title={
        <>
          {migration.from} <span aria-hidden="true">→</span>
          <span class="visually-hidden">to</span> {migration.to}
        </>
      }
      aside={<Status status={status} />}
    >
      <div class="pad stack">
        <Stages migration={migration} />
        {migration.reason === null || migration.reason === undefined || migration.reason === "" ? null : (
          <p class="card-reason">{migration.reason}</p>
        )}
        <Reports stages={migration.report ?? migration.reports ?? []} />
        {migration.started_at === undefined ? null : (
          <p class="soft">Began {dayAndClock(migration.started_at)}</p>
        )}
        {isAdmin() && !isOver ? (
          <p class="dialog-actions">
            <Button kind="danger" onClick={() => onAct("abort")}>
              Abort
            </Button>
            {status === "paused" ? (
              <Button icon="play" onClick={() => onAct("resume")}>
                Resume
              </Button>
            ) : (
              <Button icon="pause" onClick={() => onAct("pause")}>
                Pause
              </Button>
            )}
          </p>
        ) : null}
      </div>
    </Panel>
  );
}

function Stages({ migration }: { readonly migration: Migration }) {
  const shares = (migration.stages ?? []).flatMap((each) => {
    const share: unknown = typeof each === "number" ? each : (each.percent ?? each.share);
    return typeof share === "number" ? [share] : [];
  });
  const now = migration.stage ?? -1;
  return (
    <ol class="stages">
      {shares.map((share, index) => (
        <li
          key={share}
          class={index < now ? "past" : index === now ? "now" : ""}
          aria-current={index === now ? "step" : undefined}
        >
          {share}%
        </li>
      ))}
    </ol>
  );
}

/** Whatever each stage tells of itself, as a table. */
function Reports({ stages }: { readonly stages: readonly Stage[] }) {
  const names = [...new Set(stages.flatMap((stage) => Object.keys(stage)))].filter((name) =>
    stages.some((stage) => typeof stage[name] !== "object" || stage[name] === null),
  );
  if (stages.length === 0) return null;
  return (
    <Scroll label="Report by stage">
      <table class="plain">
        <thead>
          <tr>
            {names.map((name) => (
              <th key={name} scope="col">
                {name.replaceAll("_", " ")}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {stages.map((stage, index) => (
            <tr key={index}>
              {names.map((name) => (
                <td key={name}>{shown(stage[name])}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
