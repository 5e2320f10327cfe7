/** The configuration: what counts now, what can change without a restart, and changing it with a look beforehand. */
import { useEffect, useState } from "preact/hooks";
import { request } from "../api.ts";
import { type Draft, draft, put, undo, undone } from "../store/draft.ts";
import { useResource } from "../store/resource.ts";
import { useSignal } from "../store/signal.ts";
import { isAdmin, who } from "../store/state.ts";
import type { ConfigAnswer, KeyInfo } from "../types.ts";
import { Icon } from "../ui/icons.tsx";
import { Button, Empty, Loading, Panel } from "../ui/parts.tsx";
import { DraftBar } from "./settings/draft-bar.tsx";
import { groupsOf } from "./settings/groups.ts";
import { KeyRow } from "./settings/key-row.tsx";

export function SettingsView() {
  const config = useResource<ConfigAnswer>("/config");
  const infos = useKeyInfos();
  const edit = useSignal(draft);
  const takenBack = useSignal(undone);
  useSignal(who);
  const [text, setText] = useState("");
  useEffect(() => void config.reload(), [takenBack]);
  const { value, etag, error, missing } = config;
  return (
    <>
      <div class="page-head">
        <h1>Settings</h1>
        {value === null ? null : (
          <span class="soft">
            {value.source ?? "defaults"} · version {value.version}
          </span>
        )}
        <span class="spacer" />
        {isAdmin() && value !== null ? (
          <Button icon="undo" disabled={value.can_undo === false} onClick={() => void undo(etag)}>
            Undo last edit
          </Button>
        ) : null}
      </div>
      {value === null ? (
        missing ? (
          <Empty icon="settings" title="This server cannot show its settings">
            <p>It is older than this page expects. Its configuration file is what counts.</p>
          </Empty>
        ) : (
          <Loading error={error} />
        )
      ) : (
        <>
          <div class="tools">
            <label class="search">
              <Icon name="search" />
              <span class="visually-hidden">Search settings</span>
              <input
                type="search"
                placeholder="Search settings…"
                value={text}
                onInput={(event) => setText(event.currentTarget.value)}
              />
            </label>
          </div>
          <Groups answer={value} infos={infos} edit={edit} text={text} />
          {Object.keys(edit).length > 0 ? <DraftBar edit={edit} etag={etag} onDone={config.reload} /> : null}
        </>
      )}
    </>
  );
}

function Groups(props: {
  readonly answer: ConfigAnswer;
  readonly infos: ReadonlyMap<string, KeyInfo>;
  readonly edit: Draft;
  readonly text: string;
}) {
  const { answer, infos, edit, text } = props;
  const live = new Set(answer.live);
  const groups = groupsOf(Object.keys(answer.config), infos, text);
  if (groups.length === 0) {
    return (
      <Empty icon="search" title="No setting matches">
        <p>Search for a part of its name or of what it does.</p>
      </Empty>
    );
  }
  return (
    <div class="settings">
      {groups.map(({ title, keys }) => (
        <Panel key={title} title={title} aside={`${keys.length}`}>
          <ul class="key-rows">
            {keys.map((key) => (
              <KeyRow
                key={key}
                name={key}
                info={infos.get(key)}
                value={answer.config[key]}
                drafted={Object.hasOwn(edit, key) ? { value: edit[key] } : null}
                isLive={live.has(key)}
                override={answer.overrides[key]}
                onChange={(value) => put(key, value, answer.config[key])}
              />
            ))}
          </ul>
        </Panel>
      ))}
    </div>
  );
}

/** What the keys mean: asked for once. */
function useKeyInfos(): ReadonlyMap<string, KeyInfo> {
  const [infos, setInfos] = useState<ReadonlyMap<string, KeyInfo>>(new Map());
  useEffect(() => {
    request<readonly KeyInfo[]>("/console/schema").then(
      ({ value }) => setInfos(new Map(value.map((info) => [info.key, info]))),
      // The keys can be changed without their descriptions.
      () => {},
    );
  }, []);
  return infos;
}
