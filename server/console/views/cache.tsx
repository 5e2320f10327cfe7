/** The cache of answers: how well it does, and emptying it. */
import { useState } from "preact/hooks";
import { call } from "../api.ts";
import { useResource } from "../store/resource.ts";
import { useSignal } from "../store/signal.ts";
import { isAdmin, who } from "../store/state.ts";
import { bytes, compact } from "../ui/format.ts";
import { Button, Empty, Loading, Panel } from "../ui/parts.tsx";
import { complain, tell } from "../ui/toast.tsx";

const EVERY_MS = 3_000;

export function CacheView() {
  useSignal(who);
  const { value, error, missing, reload } = useResource<Readonly<Record<string, unknown>>>(
    "/cache",
    EVERY_MS,
  );
  const [isSure, setSure] = useState(false);
  const empty = async (): Promise<void> => {
    setSure(false);
    try {
      await call("/cache", { method: "DELETE" });
      tell("The cache is empty.");
      await reload();
    } catch (problem) {
      complain(problem);
    }
  };
  return (
    <>
      <div class="page-head">
        <h1>Cache</h1>
        <span class="spacer" />
        {isAdmin() && value !== null ? (
          isSure ? (
            <>
              <Button onClick={() => setSure(false)}>Keep it</Button>
              <Button kind="danger" icon="trash" onClick={() => void empty()}>
                Empty it now
              </Button>
            </>
          ) : (
            <Button icon="trash" onClick={() => setSure(true)}>
              Empty cache…
            </Button>
          )
        ) : null}
      </div>
      {missing ? (
        <Empty icon="cache" title="This server has no cache">
          <p>Answers are not kept here.</p>
        </Empty>
      ) : value === null ? (
        <Loading error={error} />
      ) : (
        <Panel title="Figures">
          <dl class="facts wide">
            {Object.entries(value).flatMap(([name, each]) =>
              typeof each === "object" && each !== null
                ? []
                : [<Figure key={name} name={name} value={each} />],
            )}
          </dl>
        </Panel>
      )}
    </>
  );
}

function Figure({ name, value }: { readonly name: string; readonly value: unknown }) {
  const isSize = name.includes("bytes");
  const text = typeof value === "number" ? (isSize ? bytes(value) : compact(value)) : String(value);
  return (
    <div>
      <dt>{name.replaceAll("_", " ")}</dt>
      <dd>{text}</dd>
    </div>
  );
}
