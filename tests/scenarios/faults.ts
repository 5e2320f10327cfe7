/** Backends whose connections break: what clients may take for whole, and what is executed twice. */
import { readResponses, statusOf, valuesOf } from "../conformance/strict.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { type Seeded, seeded } from "../support/seeded.ts";
import { TestServer } from "../support/server.ts";
import { TIER } from "./failover.ts";

const AT_ONCE = 16;
const ANSWER_LIMIT_MS = 20_000;

type End = "keep" | "fin" | "reset";

/** What the backend does with one request. */
interface Reaction {
  readonly octets: string;
  readonly end: End;
  /** Before it ends. */
  readonly afterMs?: number;
}

export interface CutResult {
  readonly responses: number;
  readonly cut: number;
  /** Responses that looked whole to the client and were not. */
  readonly falseCompletions: number;
  /** Responses that were whole and did not arrive so. */
  readonly broken: number;
}

/** Has so many responses end in the middle, at a random octet, by FIN or RST, in every framing; every fifth stays whole. */
export async function cutResponses(count: number, seed = 1): Promise<CutResult> {
  const random = seeded(seed);
  const isWhole = new Map<string, boolean>();
  let number = 0;
  await using stage = await Stage.open(() => {
    const id = String(number++);
    const whole = response(random, id);
    const isCut = random.below(5) !== 0;
    const octets = isCut ? whole.octets.slice(0, random.below(whole.octets.length)) : whole.octets;
    // Without framing a FIN is the end, so that only a reset is a cut.
    const end = isCut ? (whole.isFramed && random.below(2) === 0 ? "fin" : "reset") : whole.end;
    isWhole.set(id, !isCut);
    return { octets, end };
  });
  const result = { responses: count, cut: 0, falseCompletions: 0, broken: 0 };
  await repeat(count, async (at) => {
    const { got, ending } = await ask(
      stage.server.port,
      `GET /${at} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n`,
    );
    const { messages, rest, fault } = readResponses(got, ["GET"], ending === "fin");
    const [message] = messages;
    const looksWhole = fault === null && rest === "" && message !== undefined && ending === "fin";
    if (message === undefined || statusOf(message) !== 200) {
      result.cut++;
      return;
    }
    const wasWhole = isWhole.get(valuesOf(message, "x-n")[0] ?? "") === true;
    if (looksWhole && !wasWhole) result.falseCompletions++;
    if (!looksWhole && wasWhole) result.broken++;
    if (!wasWhole) result.cut++;
  });
  return result;
}

function response(random: Seeded, id: string): { octets: string; isFramed: boolean; end: End } {
  const body = "b".repeat(1 + random.below(3000));
  const head = `HTTP/1.1 200 OK\r\nX-N: ${id}\r\n`;
  switch (random.below(3)) {
    case 0:
      return {
        octets: `${head}Content-Length: ${body.length}\r\n\r\n${body}`,
        isFramed: true,
        end: "keep",
      };
    case 1: {
      const at = random.below(body.length);
      const chunks = [body.slice(0, at), body.slice(at)].filter((chunk) => chunk !== "");
      const coded = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("");
      return {
        octets: `${head}Transfer-Encoding: chunked\r\n\r\n${coded}0\r\n\r\n`,
        isFramed: true,
        end: "keep",
      };
    }
    default:
      return { octets: `${head}Connection: close\r\n\r\n${body}`, isFramed: false, end: "fin" };
  }
}

export interface ResetResult {
  readonly posts: number;
  readonly answered: number;
  /** Bodies that a backend got more than once. */
  readonly executedTwice: number;
}

/** Sends so many POSTs to a backend that resets at any moment: before an answer, in it, behind it. */
export async function resetPosts(count: number, seed = 2): Promise<ResetResult> {
  const random = seeded(seed);
  await using stage = await Stage.open(() => {
    const whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    const kind = random.below(4);
    if (kind === 0) return { octets: "", end: "reset" };
    if (kind === 1) return { octets: whole.slice(0, random.below(whole.length)), end: "reset" };
    if (kind === 2) return { octets: whole, end: "reset", afterMs: random.below(3) };
    return { octets: whole, end: "keep" };
  });
  const answered = await postAll(stage, count);
  return { posts: count, answered, executedTwice: stage.executedTwice };
}

export interface StaleResult {
  readonly gets: number;
  readonly failedGets: number;
  readonly posts: number;
  readonly answeredPosts: number;
  readonly executedTwice: number;
  /** Connections to the backend; more than one in ten requests found its connection gone or going. */
  readonly connections: number;
}

/** Has the backend end each kept connection 0 to 2 ms after an answer, just when it may be used again. */
export async function staleConnections(count: number, seed = 3): Promise<StaleResult> {
  const random = seeded(seed);
  await using stage = await Stage.open(() => ({
    octets: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    end: random.below(2) === 0 ? "fin" : "reset",
    afterMs: random.below(3),
  }));
  let failedGets = 0;
  await repeat(count, async (at) => {
    const octets = `GET /${at} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n`;
    const { got } = await ask(stage.server.port, octets);
    if (!got.startsWith("HTTP/1.1 200 ")) failedGets++;
  });
  const answeredPosts = await postAll(stage, count);
  const { executedTwice, connections } = stage;
  return { gets: count, failedGets, posts: count, answeredPosts, executedTwice, connections };
}

async function postAll(stage: Stage, count: number): Promise<number> {
  let answered = 0;
  await repeat(count, async (at) => {
    const body = `id-${at}`;
    const head = `POST / HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`;
    const { got } = await ask(stage.server.port, head + body);
    if (got.startsWith("HTTP/1.1 200 ")) answered++;
  });
  return answered;
}

/** A server before one backend that reacts to each request as it is told. */
class Stage implements AsyncDisposable {
  connections = 0;
  executedTwice = 0;
  readonly server: TestServer;
  readonly #listener: Bun.TCPSocketListener<{ got: string }>;
  readonly #bodies = new Set<string>();

  private constructor(server: TestServer, react: () => Reaction) {
    this.server = server;
    this.#listener = Bun.listen<{ got: string }>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => {
          socket.data = { got: "" };
          this.connections++;
        },
        data: (socket, bytes) => {
          socket.data.got += bytes.toString("latin1");
          this.#serve(socket, react);
        },
      },
    });
  }

  static async open(react: () => Reaction): Promise<Stage> {
    const server = await TestServer.start({
      config: {
        tiers: [TIER],
        default_tier: "any",
        log_level: "warn",
        retry_budget_percent: 100,
        max_ejection_percent: 0,
      },
    });
    const stage = new Stage(server, react);
    const endpoint = `http://127.0.0.1:${stage.#listener.port}`;
    await FakeAgent.join(server, { id: "b", cores: 64, endpoint });
    return stage;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    this.#listener.stop(true);
  }

  #serve(socket: Bun.Socket<{ got: string }>, react: () => Reaction): void {
    const { got } = socket.data;
    const end = got.indexOf("\r\n\r\n");
    const length = Number(/content-length: (\d+)/i.exec(got)?.[1] ?? 0);
    if (end < 0 || got.length < end + 4 + length) return;
    socket.data.got = got.slice(end + 4 + length);
    const body = got.slice(end + 4, end + 4 + length);
    if (body !== "" && this.#bodies.has(body)) this.executedTwice++;
    if (body !== "") this.#bodies.add(body);
    const { octets, end: how, afterMs = 0 } = react();
    if (octets !== "") socket.write(Buffer.from(octets, "latin1"));
    if (how === "keep") return;
    const finish = () => (how === "fin" ? socket.end() : socket.terminate());
    if (afterMs === 0) finish();
    else setTimeout(finish, afterMs);
  }
}

/** Does something so many times, a few at a time. */
async function repeat(count: number, one: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Sends octets on a connection of their own; gives everything until its end, and how that was. */
function ask(
  port: number,
  octets: string,
): Promise<{ readonly got: string; readonly ending: "fin" | "reset" }> {
  return new Promise((resolve, reject) => {
    let got = "";
    let ending: "fin" | "reset" = "fin";
    const timer = setTimeout(
      () => reject(new Error(`no end of an answer: ${got.slice(0, 200)}`)),
      ANSWER_LIMIT_MS,
    );
    Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => void socket.write(Buffer.from(octets, "latin1")),
        data: (_socket, bytes) => {
          got += bytes.toString("latin1");
        },
        end: (socket) => void socket.end(),
        close: (_socket, error) => {
          clearTimeout(timer);
          if (error !== undefined && error !== null) ending = "reset";
          resolve({ got, ending });
        },
      },
    }).catch(reject);
  });
}
