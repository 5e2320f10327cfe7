/** Why requests went where they went: samples of what happens now, and what would happen to one. */
import { useEffect, useState } from "preact/hooks";
import type { Decision } from "../../../core/wire/console.ts";
import { listen } from "../store/live.ts";
import { useSignal } from "../store/signal.ts";
import { decisions } from "../store/state.ts";
import { clock, compact, millis } from "../ui/format.ts";
import { Badge, Button, Empty, Panel, Scroll } from "../ui/parts.tsx";
import { Explain } from "./explain.tsx";

const MAX_SHOWN = 100;

export function DecisionsView() {
  const live = useSignal(decisions);
  const [held, setHeld] = useState<readonly Decision[] | null>(null);
  useEffect(() => listen("decisions"), []);
  const shown = (held ?? live).slice(0, MAX_SHOWN);
  return (
    <>
      <div class="page-head">
        <h1>Decisions</h1>
      </div>
      <Explain />
      <Panel
        title="What happens now"
        aside={
          <>
            a sample, at most ten a second and worker
            <Button
              kind="quiet"
              icon={held === null ? "pause" : "play"}
              onClick={() => setHeld(held === null ? live : null)}
            >
              {held === null ? "Pause" : "Go on"}
            </Button>
          </>
        }
      >
        {shown.length === 0 ? (
          <Empty icon="decisions" title="No request yet">
            <p>Requests that are proxied while this page is open appear here with what decided about them.</p>
          </Empty>
        ) : (
          <Sample shown={shown} />
        )}
      </Panel>
    </>
  );
}

function Sample({ shown }: { readonly shown: readonly Decision[] }) {
  return (
    <Scroll label="Decisions" tall>
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Request</th>
            <th scope="col">Client</th>
            <th scope="col">Tier</th>
            <th scope="col">Backend</th>
            <th scope="col">Why</th>
            <th scope="col" class="num">
              Status
            </th>
            <th scope="col" class="num">
              Took
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((each, index) => (
            <tr key={index}>
              <td class="soft">{clock(each.at)}</td>
              <td class="mono clip">
                {each.method} {each.path}
              </td>
              <td class="mono">{each.client}</td>
              <td>{each.tier}</td>
              <th scope="row">{each.backend === "" ? <span class="soft">none</span> : each.backend}</th>
              <td>
                <Why decision={each} />
              </td>
              <td class="num">
                <Badge tone={each.status >= 500 ? "bad" : each.status >= 400 ? "warn" : "good"}>
                  {each.status}
                </Badge>
              </td>
              <td class="num">{millis(each.ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** The reasons, the deciding one first. */
function Why({ decision }: { readonly decision: Decision }) {
  const { strategy, score, session, queued_ms: queued, attempts, code } = decision;
  return (
    <span class="why">
      {session === "kept" ? <Badge tone="info">its session</Badge> : <Badge>{strategy}</Badge>}
      {session === "kept" || score === null ? null : (
        <span class="soft">
          {strategy === "resource" ? "score" : "figure"} {compact(score)}
        </span>
      )}
      {session === "assigned" ? <Badge tone="info">new session</Badge> : null}
      {queued > 0 ? <Badge tone="warn">waited {millis(queued)}</Badge> : null}
      {attempts > 1 ? <Badge tone="warn">{attempts} attempts</Badge> : null}
      {code === "" ? null : <Badge tone="bad">{code.replaceAll("_", " ")}</Badge>}
    </span>
  );
}
