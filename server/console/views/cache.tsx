/** The cache of answers: how well it does, what is in it, and emptying it. */
import { useState } from "preact/hooks";
import { call } from "../api.ts";
import { type Resource, useResource } from "../store/resource.ts";
import { useSignal } from "../store/signal.ts";
import { isAdmin, who } from "../store/state.ts";
import { bytes, compact, plural, seconds } from "../ui/format.ts";
import { Button, Empty, Loading, Panel, Scroll } from "../ui/parts.tsx";
import { complain, tell } from "../ui/toast.tsx";

const EVERY_MS = 3_000;

/** As `GET /cache` has it. */
interface CacheAnswer {
  readonly enabled: boolean;
  readonly entries: number;
  readonly bytes: number;
  readonly limits?: { readonly entries: number; readonly bytes: number };
  readonly hits: number;
  readonly stale_hits: number;
  readonly coalesced: number;
  readonly misses: number;
  readonly hit_ratio: number | null;
  readonly revalidations: number;
  readonly stored: number;
  readonly evicted: number;
  readonly purged: number;
  readonly bytes_out: number;
  readonly most_used?: readonly Entry[];
  readonly largest?: readonly Entry[];
}

interface Entry {
  readonly url: string;
  readonly status: number;
  readonly bytes: number;
  readonly hits: number;
  readonly age_seconds?: number;
}

export function CacheView() {
  useSignal(who);
  const cache = useResource<CacheAnswer>("/cache?limit=20", EVERY_MS);
  const { value } = cache;
  return (
    <>
      <div class="page-head">
        <h1>Cache</h1>
        <span class="spacer" />
        {isAdmin() && value?.enabled === true ? <EmptyIt onDone={cache.reload} /> : null}
      </div>
      <Body cache={cache} />
    </>
  );
}

function Body({ cache }: { readonly cache: Resource<CacheAnswer> }) {
  const { value, error, missing } = cache;
  if (missing) {
    return (
      <Empty icon="cache" title="This server has no cache">
        <p>Answers are not kept here.</p>
      </Empty>
    );
  }
  if (value === null) return <Loading error={error} />;
  if (!value.enabled) {
    return (
      <Empty icon="cache" title="The cache is off">
        <p>
          Set <code>cache_enabled</code> to keep answers that may be kept, and serve them again.
        </p>
      </Empty>
    );
  }
  return (
    <>
      <Figures value={value} />
      <Entries title="Most used" entries={value.most_used ?? []} />
      <Entries title="Largest" entries={value.largest ?? []} />
    </>
  );
}

function EmptyIt({ onDone }: { readonly onDone: () => Promise<void> }) {
  const [isSure, setSure] = useState(false);
  const empty = async (): Promise<void> => {
    setSure(false);
    try {
      const { value } = await call<{ readonly purged: number }>("/cache", { method: "DELETE" });
      tell(`The cache is empty; ${plural(value.purged, "answer")} forgotten.`);
      await onDone();
    } catch (problem) {
      complain(problem);
    }
  };
  if (!isSure) {
    return (
      <Button icon="trash" onClick={() => setSure(true)}>
        Empty cache…
      </Button>
    );
  }
  return (
    <>
      <Button onClick={() => setSure(false)}>Keep it</Button>
      <Button kind="danger" icon="trash" onClick={() => void empty()}>
        Empty it now
      </Button>
    </>
  );
}

function Figures({ value }: { readonly value: CacheAnswer }) {
  const { limits, hit_ratio: ratio } = value;
  const figures: readonly (readonly [string, string])[] = [
    ["Hit ratio", ratio === null ? "–" : `${compact(ratio * 100)}%`],
    ["Hits", compact(value.hits + value.stale_hits)],
    ["Joined others", compact(value.coalesced)],
    ["Misses", compact(value.misses)],
    [
      "Entries",
      limits === undefined
        ? compact(value.entries)
        : `${compact(value.entries)} of ${compact(limits.entries)}`,
    ],
    ["Size", limits === undefined ? bytes(value.bytes) : `${bytes(value.bytes)} of ${bytes(limits.bytes)}`],
    ["Asked again", compact(value.revalidations)],
    ["Made room", compact(value.evicted)],
    ["Purged", compact(value.purged)],
    ["Sent from it", bytes(value.bytes_out)],
  ];
  return (
    <Panel title="How it does">
      <dl class="facts wide">
        {figures.map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}

function Entries({ title, entries }: { readonly title: string; readonly entries: readonly Entry[] }) {
  if (entries.length === 0) return null;
  return (
    <Panel title={title}>
      <Scroll label={title}>
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">URL</th>
              {["Status", "Size", "Hits", "Age"].map((head) => (
                <th key={head} scope="col" class="num">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {entries.map((entry, index) => (
              <tr key={`${entry.url} ${index}`}>
                <th scope="row" class="mono clip">
                  {entry.url}
                </th>
                <td class="num">{entry.status}</td>
                <td class="num">{bytes(entry.bytes)}</td>
                <td class="num">{compact(entry.hits)}</td>
                <td class="num">{seconds(entry.age_seconds)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}
