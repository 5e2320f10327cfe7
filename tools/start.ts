/**
 * `npm start`: without arguments a small real cluster on loopback, until Ctrl-C. With arguments the server alone,
 * which gets all of them: `npm start -- -config my.yml`.
 */
import { join } from "node:path";
import { messageOf } from "../core/log/message-of.ts";
import { Cluster, DEFAULT_PORT } from "./cluster/cluster.ts";
import { whatToTry } from "./cluster/what-to-try.ts";
import { repositoryRoot } from "./process.ts";

const args = process.argv.slice(2);
process.exit(args.length > 0 ? await runServer(args) : await runCluster());

async function runServer(serverArgs: readonly string[]): Promise<number> {
  const server = Bun.spawn(
    [process.execPath, "--no-env-file", join(repositoryRoot(), "server/main.ts"), ...serverArgs],
    {
      // Paths in the arguments mean what they mean where npm was called.
      cwd: process.env.INIT_CWD ?? process.cwd(),
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => server.kill(signal));
  return server.exited;
}

async function runCluster(): Promise<number> {
  const port = Number(process.env.OPSEN_START_PORT || DEFAULT_PORT);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    console.error(`OPSEN_START_PORT must be a port from 1 to 65535, got ${process.env.OPSEN_START_PORT}.`);
    return 1;
  }
  if (!isFree(port)) {
    console.error(
      `Port ${port} is taken. Stop what uses it, or choose another: OPSEN_START_PORT=8090 npm start`,
    );
    return 1;
  }
  const ended = Promise.withResolvers<number>();
  const cluster = new Cluster(port, () => ended.resolve(1));
  let asked = false;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (asked) cluster.kill();
      else console.log("\nStopping ...");
      asked = true;
      ended.resolve(0);
    });
  }
  cluster.start().then(
    () => {
      if (!asked) console.log(whatToTry(port));
    },
    (error: unknown) => {
      console.error(`The cluster could not be started: ${messageOf(error)}`);
      ended.resolve(1);
    },
  );
  const code = await ended.promise;
  await cluster.stop();
  return code;
}

/** Tells whether nobody listens on a port. Servers may share one by SO_REUSEPORT, so binding must be tried without. */
function isFree(port: number): boolean {
  try {
    Bun.listen({ hostname: "127.0.0.1", port, socket: { data: () => undefined } }).stop(true);
    return true;
  } catch {
    return false;
  }
}
