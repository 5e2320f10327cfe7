/** One agent: its parts put together, from the first sample to the farewell. */
import { hostname } from "node:os";
import { join } from "node:path";
import type { ClientConfig } from "../core/config/schema/client-schema.ts";
import type { Registration } from "../core/wire/registration.ts";
import type { Report } from "../core/wire/report.ts";
import { leavesHostInClear, localAddress, resolveEndpoint } from "./address.ts";
import { releaseCodePagesRegularly } from "./code-pages.ts";
import { Complaints } from "./complaints.ts";
import { type GeoOptions, isPublicAddress, locationByHand, locationFromDatabase } from "./geo.ts";
import { Identity } from "./identity.ts";
import { markInUse } from "./live-agent.ts";
import type { Log, Logger } from "./logger.ts";
import { Reporter, type ReportSource } from "./reporter.ts";
import { openSampler } from "./sampler/open.ts";
import { Sampling } from "./sampling.ts";
import type { Scheduler } from "./scheduler.ts";
import { ServerApi } from "./server-api.ts";
import { openStateDir, stateDirCandidates } from "./state-dir.ts";
import { Window } from "./window.ts";
import {
  type HostFacts,
  type Location,
  missingFigures,
  type Place,
  registrationBody,
  reportBody,
} from "./wire-body.ts";

export interface AgentOptions {
  readonly config: ClientConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  readonly scheduler: Scheduler;
  readonly version: string;
}

const CALL_TIMEOUT_MS = 10_000;
/** A service manager waits longer than this for a stop; a server that is gone must not delay it. */
const FAREWELL_TIMEOUT_MS = 3000;

export class Agent implements ReportSource {
  readonly #options: AgentOptions;
  readonly #log: Logger;
  readonly #host: HostFacts;
  readonly #identity: Identity;
  readonly #release: () => void;
  readonly #api: ServerApi;
  readonly #sampling: Sampling;
  readonly #reporter: Reporter;
  readonly #geo: GeoOptions;
  readonly #stop = new AbortController();
  #location: Location | null;
  #lastTimestampMs = 0;
  /** What was missing from the last report; empty when it was complete. */
  #missing = "";

  constructor(options: AgentOptions) {
    const { config, env, log, scheduler, version } = options;
    this.#options = options;
    this.#log = log.component("agent");
    const directory = openStateDir(stateDirCandidates(config.state_dir, env), this.#log);
    this.#identity = openIdentity(config, directory, this.#log);
    const clientId = this.#identity.clientId;
    this.#release = directory === null ? () => {} : markInUse(directory, clientId, this.#log);
    this.#host = { clientId, hostname: config.hostname === "" ? hostname() : config.hostname };
    this.#api = new ServerApi({
      serverUrl: config.server_url,
      key: config.server_key,
      insecureTls: config.insecure_tls,
      version,
      timeoutMs: CALL_TIMEOUT_MS,
    });
    this.#sampling = createSampling(options);
    this.#geo = {
      ...geoOptions(config, directory, log.component("geo")),
      wait: (delayMs) => waitUntil(scheduler, delayMs, this.#stop.signal),
    };
    this.#location = locationByHand(this.#geo);
    this.#reporter = new Reporter({
      api: this.#api,
      source: this,
      identity: this.#identity,
      scheduler,
      intervalMs: config.report_interval_seconds * 1000,
      log: log.component("reporter"),
    });
  }

  get ready(): Promise<void> {
    return this.#sampling.ready;
  }

  /** Runs until stopped (0) or refused by the server (1); gives the exit code. */
  async run(): Promise<number> {
    const { config, scheduler } = this.#options;
    this.#log.info("agent started", { client_id: this.#host.clientId, server: config.server_url });
    if (config.insecure_tls) this.#log.warn("the server's certificate is not verified (insecure_tls)");
    if (config.server_key !== "" && leavesHostInClear(config.server_url)) {
      this.#log.warn("server_key travels in clear: anybody on the way can read it; use https in server_url");
    }
    await this.#sampling.start();
    const located = this.#findLocation();
    const stopReleasing = releaseCodePagesRegularly(scheduler);
    const end = await this.#reporter.run();
    this.#stop.abort();
    this.#sampling.stop();
    stopReleasing();
    await located;
    if (this.#reporter.isFarewellDue) {
      await this.#drain();
      await this.#deregister();
    }
    this.#release();
    if (end.kind === "stopped") return 0;
    this.#log.fatal("the server refused this agent; check server_url, server_key and the configuration", {
      reason: end.detail,
    });
    return 1;
  }

  /** Ends the run: what is under way is given up, the server is told. */
  stop(): void {
    this.#reporter.stop();
    this.#stop.abort();
  }

  async registration(): Promise<Registration> {
    const { server_url, endpoints, endpoint_url } = this.#options.config;
    // Asked anew each time: a laptop moves, a lease of an address ends.
    const address = await localAddress(server_url);
    const place = {
      localAddress: address,
      publicAddress: isPublicAddress(address) ? address : "",
      location: this.#location,
      endpointUrl: resolveEndpoint(endpoints, endpoint_url, address),
      endpoints,
      terms: termsOf(this.#options.config),
    };
    this.#log.debug("registering", { endpoint: place.endpointUrl, local_ip: address });
    return registrationBody(this.#host, place, this.#sampling.latest);
  }

  report(): Report | null {
    const [averages, now] = [this.#sampling.averages(), this.#sampling.latest];
    const missing = missingFigures(averages, now).join(", ");
    this.#noteMissing(missing);
    if (missing !== "") return null;
    // The server drops reports older than the last one: a clock that is set back must not silence us.
    this.#lastTimestampMs = Math.max(this.#options.scheduler.wallMs(), this.#lastTimestampMs + 1);
    return reportBody(this.#host, this.#lastTimestampMs, averages, now);
  }

  /** Says once that reports are held back, and once that they go on. */
  #noteMissing(missing: string): void {
    if (missing === this.#missing) return;
    this.#missing = missing;
    if (missing === "") this.#log.info("what reports must hold can be read again");
    else this.#log.error("reports are held back: what they must hold cannot be read", { missing });
  }

  async #findLocation(): Promise<void> {
    if (this.#location !== null || this.#geo.skip) return;
    try {
      const address = await localAddress(this.#options.config.server_url);
      this.#location = await locationFromDatabase(this.#geo, address, this.#stop.signal);
    } catch (error) {
      this.#geo.log.warn("location unknown", { reason: String(error) });
    }
    if (this.#location === null || this.#stop.signal.aborted) return;
    const { latitude, longitude, country, city } = this.#location;
    this.#geo.log.info("location found", { latitude, longitude, country, city });
    this.#reporter.registerAgain();
  }

  /** Lets requests in flight finish, while new ones go elsewhere. */
  async #drain(): Promise<void> {
    const seconds = this.#options.config.drain_timeout_seconds;
    if (seconds === 0) return;
    const deadline = AbortSignal.timeout(seconds * 1000 + FAREWELL_TIMEOUT_MS);
    const outcome = await this.#api.drain(this.#host.clientId, this.#identity.token, seconds, deadline);
    if (outcome.kind === "answer" && outcome.status === 200) this.#log.info("drained");
    // The original's server has no such call.
    else
      this.#log.debug("could not be drained", {
        answer: outcome.kind === "answer" ? outcome.status : outcome.reason,
      });
  }

  async #deregister(): Promise<void> {
    const { clientId } = this.#host;
    const deadline = AbortSignal.timeout(FAREWELL_TIMEOUT_MS);
    const outcome = await this.#api.deregister(clientId, this.#identity.token, deadline);
    if (outcome.kind === "answer" && outcome.status < 300) {
      this.#log.info("deregistered");
      return;
    }
    const reason = outcome.kind === "answer" ? `the server answered ${outcome.status}` : outcome.reason;
    this.#log.warn("could not deregister; the server will find out by itself", { reason });
  }
}

function openIdentity(config: ClientConfig, directory: string | null, log: Logger): Identity {
  const listed = config.endpoints.map((endpoint) => endpoint.url);
  const single = config.endpoint_url === "" ? [] : [config.endpoint_url];
  const endpoints = listed.length > 0 ? listed : single;
  return Identity.open({ directory, clientId: config.client_id, endpoints, log });
}

/** What the server is told of, where the configuration says anything. */
function termsOf({ max_in_flight, max_connections, tags }: ClientConfig): Place["terms"] {
  return {
    ...(max_in_flight === undefined ? {} : { max_in_flight }),
    ...(max_connections === undefined ? {} : { max_connections }),
    ...(tags.length === 0 ? {} : { tags: [...tags] }),
  };
}

function createSampling({ config, env, log, scheduler }: AgentOptions): Sampling {
  const sampler = openSampler({
    platform: process.platform,
    arch: process.arch,
    pid: process.pid,
    env,
    diskPath: config.disk_path,
    log: log.component("sampler"),
    monotonicMs: () => scheduler.monotonicMs(),
  });
  const window = new Window(config.window_minutes * 60_000);
  const complaints = new Complaints(log.component("sampler"));
  return new Sampling({ sampler, window, scheduler, complaints });
}

/** Waits, or until the signal says that there is nothing left to wait for. */
async function waitUntil(scheduler: Scheduler, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = scheduler.after(delayMs, resolve);
  const onAbort = (): void => resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  await promise;
  cancel();
  signal.removeEventListener("abort", onAbort);
}

function geoOptions(config: ClientConfig, directory: string | null, log: Logger): Omit<GeoOptions, "wait"> {
  const kept = directory === null ? "" : join(directory, "GeoLite2-City.mmdb");
  return {
    skip: config.skip_geolocation,
    latitude: config.latitude,
    longitude: config.longitude,
    country: config.country,
    city: config.city,
    databasePath: config.geoip_db_path === "" ? kept : config.geoip_db_path,
    downloadUrl: config.geoip_url,
    log,
  };
}
