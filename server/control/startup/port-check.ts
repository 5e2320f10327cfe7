/** Finds out early that a port is taken: listeners that share ports would not notice. */
import { messageOf } from "../../../core/log/message-of.ts";
import { StartError } from "./start-error.ts";

/** Which key has the address to each port. */
const HOST_KEYS = { port: "host", admin_port: "admin_host", metrics_port: "metrics_host" } as const;

/** Throws a StartError when an address cannot be listened on; `key` is the configuration's. */
export function assertPortIsFree(host: string, port: number, key: keyof typeof HOST_KEYS): void {
  if (port === 0) return;
  const hostKey = HOST_KEYS[key];
  try {
    const listener = Bun.listen({ hostname: host, port, exclusive: true, socket: { data() {} } });
    listener.stop(true);
  } catch (error) {
    throw new StartError(`cannot listen on ${host}:${port}: ${explain(error, key, hostKey)}`, {
      cause: error,
    });
  }
}

function explain(error: unknown, key: string, hostKey: string): string {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  switch (code) {
    case "EADDRINUSE":
      return `the port is in use; stop what uses it or choose another (key \`${key}\`)`;
    case "EACCES":
      return `no permission; ports below 1024 need privileges (key \`${key}\`)`;
    case "EADDRNOTAVAIL":
      return `this machine does not have that address (key \`${hostKey}\`)`;
    case "ENOTFOUND":
      return `the name does not resolve (key \`${hostKey}\`)`;
    default:
      return `${messageOf(error)} (keys \`${hostKey}\`, \`${key}\`)`;
  }
}
