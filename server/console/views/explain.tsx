/** Asks what would become of a request, and shows it: for each backend the filter that removes it or its score. */
import { useEffect, useState } from "preact/hooks";
import { call, messageOf } from "../api.ts";
import { useResource } from "../store/resource.ts";
import type { ConfigAnswer, ExplainAnswer, Explained } from "../types.ts";
import { TextField } from "../ui/field.tsx";
import { compact } from "../ui/format.ts";
import { Badge, Button, Panel, Problem } from "../ui/parts.tsx";

const MAX_SHOWN = 60;
const RESOURCE = "resource";
const TERMS = ["distance", "cpu", "memory", "gpu", "latency", "in_flight"] as const;

export function Explain() {
  const [answer, setAnswer] = useState<ExplainAnswer | null>(null);
  const [problem, setProblem] = useState("");
  const [ask, setAsk] = useState({ tier: "", client_ip: "", path: "" });
  const explain = async (): Promise<void> => {
    const body = Object.fromEntries(Object.entries(ask).filter(([, value]) => value.trim() !== ""));
    try {
      setAnswer((await call<ExplainAnswer>("/route/explain", { method: "POST", body })).value);
      setProblem("");
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  useEffect(() => void explain(), []);
  return (
    <Panel title="Explain a request" aside="takes nothing, changes nothing">
      <form
        class="inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          void explain();
        }}
      >
        <Tier value={ask.tier} onChange={(tier) => setAsk({ ...ask, tier })} />
        <TextField
          name="client_ip"
          label="Client address"
          placeholder="203.0.113.7"
          value={ask.client_ip}
          onChange={(client_ip) => setAsk({ ...ask, client_ip })}
        />
        <TextField
          name="path"
          label="Path"
          placeholder="/api/v1"
          value={ask.path}
          onChange={(path) => setAsk({ ...ask, path })}
        />
        <Button kind="primary" type="submit">
          Explain
        </Button>
      </form>
      <Problem text={problem} />
      {answer === null ? null : <Verdict answer={answer} />}
    </Panel>
  );
}

function Tier({ value, onChange }: { readonly value: string; readonly onChange: (tier: string) => void }) {
  const { value: answer } = useResource<ConfigAnswer>("/config");
  const tiers = answer?.config.tiers;
  const names = Array.isArray(tiers)
    ? (tiers as readonly { readonly name: string }[]).map(({ name }) => name)
    : []; // tiers of the configuration have names
  if (names.length === 0)
    return <TextField name="tier" label="Tier" placeholder="default" value={value} onChange={onChange} />;
  return (
    <label class="field">
      <span>Tier</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="">default</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Verdict({ answer }: { readonly answer: ExplainAnswer }) {
  const { strategy = RESOURCE, chosen } = answer;
  const eligible = answer.backends
    .filter((each) => each.eligible)
    .toSorted((a, b) => (a.score ?? 0) - (b.score ?? 0));
  const removed = answer.backends.filter((each) => !each.eligible);
  const longest = Math.max(1e-9, ...eligible.map(({ score }) => score ?? 0));
  if (answer.backends.length === 0) return <p class="soft pad">There is no backend to choose from.</p>;
  return (
    <div class="verdict">
      <Legend strategy={strategy} hasFigures={eligible.some(({ score }) => score !== null)} />
      <ol class="scores">
        {eligible.slice(0, MAX_SHOWN).map((each) => (
          <Score
            key={each.client_id}
            each={each}
            isChosen={each.client_id === chosen}
            longest={longest}
            hasTerms={strategy === RESOURCE}
          />
        ))}
      </ol>
      {removed.length === 0 ? null : (
        <details open={eligible.length === 0}>
          <summary>{removed.length} removed by a filter</summary>
          <ul class="removed">
            {removed.slice(0, MAX_SHOWN).map((each) => (
              <li key={each.client_id}>
                <b>{each.client_id}</b> <span>{each.reason}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

function Legend({ strategy, hasFigures }: { readonly strategy: string; readonly hasFigures: boolean }) {
  const rule = hasFigures
    ? "the shortest bar wins"
    : "goes by no figure: its choice is the next in turn, or chance";
  return (
    <p class="legend">
      <Badge tone="info">{strategy}</Badge>
      {strategy === RESOURCE
        ? TERMS.map((term) => (
            <span key={term}>
              <i class={`term-${term}`} />
              {term.replace("_", " ")}
            </span>
          ))
        : null}
      <span class="soft">{rule}</span>
    </p>
  );
}

interface ScoreProps {
  readonly each: Explained;
  readonly isChosen: boolean;
  readonly longest: number;
  /** The terms make up the figure. */
  readonly hasTerms: boolean;
}

function Score({ each, isChosen, longest, hasTerms }: ScoreProps) {
  const { score } = each;
  const parts = hasTerms
    ? TERMS.map((term) => ({ term, value: each.terms[term] ?? 0 })).filter(({ value }) => value > 0)
    : [{ term: "figure", value: score ?? 0 }];
  const words = parts.map(({ term, value }) => `${term.replace("_", " ")} ${compact(value)}`).join(", ");
  return (
    <li class={isChosen ? "chosen" : ""}>
      <span class="score-name">
        {each.client_id}
        {isChosen ? <Badge tone="good">chosen</Badge> : null}
      </span>
      {score === null ? (
        <span />
      ) : (
        <span class="score-bar" role="img" aria-label={`figure ${compact(score)}: ${words}`} title={words}>
          {parts.map(({ term, value }) => (
            <i key={term} class={`term-${term}`} style={{ width: `${(value / longest) * 100}%` }} />
          ))}
        </span>
      )}
      <span class="score-value">{score === null ? "" : compact(score)}</span>
    </li>
  );
}
