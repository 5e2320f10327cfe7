/** Moving traffic from one set of backends to another, stage by stage. */
import { useState } from "preact/hooks";
import { call } from "../api.ts";
import { type Resource, useResource } from "../store/resource.ts";
import { useSignal } from "../store/signal.ts";
import { isAdmin, who } from "../store/state.ts";
import { Button, Empty, Loading } from "../ui/parts.tsx";
import { complain, tell } from "../ui/toast.tsx";
import { type Migration, type MigrationAction, MigrationCard } from "./migrations/card.tsx";
import { MigrationForm } from "./migrations/form.tsx";

const EVERY_MS = 2_000;

const DONE: Readonly<Record<MigrationAction, string>> = {
  pause: "paused",
  resume: "goes on",
  advance: "in its next stage",
  abort: "aborted",
  release: "released",
};

export function MigrationsView() {
  useSignal(who);
  const known = useResource<Known>("/migrations", EVERY_MS);
  const { missing, reload } = known;
  const [isAdding, setAdding] = useState(false);
  const act = async (migration: Migration, what: MigrationAction): Promise<void> => {
    try {
      await call(`/migrations/${migration.id}/${what}`, { method: "POST" });
      tell(`${migration.from} to ${migration.to}: ${DONE[what]}.`);
      await reload();
    } catch (problem) {
      complain(problem);
    }
  };
  return (
    <>
      <div class="page-head">
        <h1>Migrations</h1>
        <span class="spacer" />
        {isAdmin() && !missing ? (
          <Button kind="primary" icon="plus" onClick={() => setAdding(true)}>
            New migration
          </Button>
        ) : null}
      </div>
      <Body known={known} onAct={(migration, what) => void act(migration, what)} />
      {isAdding ? (
        <MigrationForm
          onClose={() => {
            setAdding(false);
            void reload();
          }}
        />
      ) : null}
    </>
  );
}

interface Known {
  readonly migrations: readonly Migration[];
}

function Body(props: {
  readonly known: Resource<Known>;
  readonly onAct: (migration: Migration, what: MigrationAction) => void;
}) {
  const { value, error, missing } = props.known;
  if (missing) {
    return (
      <Empty icon="migrations" title="This server knows no migrations">
        <p>It is older than this page expects.</p>
      </Empty>
    );
  }
  if (value === null) return <Loading error={error} />;
  if (value.migrations.length === 0) {
    return (
      <Empty icon="migrations" title="No migration yet">
        <p>
          Give the old and the new backends a tag each, then move traffic from one to the other in stages that
          stop by themselves when errors or latency rise.
        </p>
      </Empty>
    );
  }
  return (
    <ul class="migrations">
      {value.migrations.map((migration) => (
        <li key={migration.id}>
          <MigrationCard migration={migration} onAct={(what) => props.onAct(migration, what)} />
        </li>
      ))}
    </ul>
  );
}
