/** The cases of the public catalogue h1spec: octets and allowed statuses. The facts are the catalogue's, the wording is ours. */
import fixture from "./fixtures/h1spec.json";
import { RawClient } from "./raw.ts";

export interface H1SpecCase {
  readonly id: string;
  readonly about: string;
  readonly raw: string;
  /** Ranges of allowed statuses. */
  readonly status: readonly (readonly number[])[];
  /** The octets are no whole request: nothing comes back, and the connection stays. */
  readonly waits: boolean;
  /** What the origin echoes of a request that is served. */
  readonly body: string | null;
}

export const H1SPEC_CASES: readonly H1SpecCase[] = fixture;

const WAIT_MS = 500;
const ANSWER_MS = 2500;

/** Sends a case on a connection of its own; null is a pass, a text says what was wrong. */
export async function h1spec(row: H1SpecCase, port: number, host?: string): Promise<string | null> {
  await using client = await RawClient.open(port, host);
  await client.send(row.raw);
  if (row.waits) {
    await client.until(() => client.got !== "", WAIT_MS);
    return client.got === "" && client.ending === null ? null : `did not wait: ${client.got.slice(0, 100)}`;
  }
  await client.until(() => client.got.includes("\r\n\r\n"), ANSWER_MS);
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(client.got)?.[1] ?? 0);
  if (!row.status.some(([low = 0, high = low]) => status >= low && status <= high)) return `status ${status}`;
  if (row.body === null || status !== 200) return null;
  await client.until(() => client.got.endsWith(`\r\n\r\n${row.body}`), ANSWER_MS);
  return client.got.endsWith(`\r\n\r\n${row.body}`) ? null : "another body";
}
