/** A name server of the tests' own (RFC 1035): answers A and AAAA from a table, and counts the questions. */
import { createSocket, type Socket } from "node:dgram";
import { isIPv4 } from "node:net";

export interface DnsRecord {
  readonly addresses: readonly string[];
  readonly ttlSeconds: number;
}

const TYPE_A = 1;
const TYPE_AAAA = 28;
const NAME_ERROR = 3;
const SERVER_FAILURE = 2;

export class DnsServer implements AsyncDisposable {
  readonly port: number;
  /** By name; a name that is not there does not exist. */
  readonly records = new Map<string, DnsRecord>();
  /** Questions for addresses of the fourth version, by name. */
  readonly questions = new Map<string, number>();
  /** Says of every name that it cannot say. */
  isFailing = false;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.port = socket.address().port;
    socket.on("message", (message, { port, address }) => {
      this.#socket.send(this.#answer(message), port, address);
    });
  }

  static start(): Promise<DnsServer> {
    const socket = createSocket("udp4");
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(0, "127.0.0.1", () => resolve(new DnsServer(socket)));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  #answer(question: Buffer): Buffer {
    const { name, type, end } = readQuestion(question);
    if (type === TYPE_A) this.questions.set(name, (this.questions.get(name) ?? 0) + 1);
    const record = this.records.get(name);
    const head = Buffer.from(question.subarray(0, 12));
    const code = this.isFailing ? SERVER_FAILURE : record === undefined ? NAME_ERROR : 0;
    const addresses = (code === 0 ? (record?.addresses ?? []) : []).filter(
      (address) => isIPv4(address) === (type === TYPE_A) && (type === TYPE_A || type === TYPE_AAAA),
    );
    head.writeUInt16BE(0x8180 | code, 2);
    head.writeUInt16BE(addresses.length, 6);
    head.writeUInt32BE(0, 8);
    const answers = addresses.map((address) => resourceRecord(type, address, record?.ttlSeconds ?? 0));
    return Buffer.concat([head, question.subarray(12, end), ...answers]);
  }
}

function readQuestion(bytes: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = bytes[at] ?? 0; length > 0; length = bytes[at] ?? 0) {
    labels.push(bytes.toString("latin1", at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  return { name: labels.join("."), type: bytes.readUInt16BE(at + 1), end: at + 5 };
}

/** Of the name in the question, to which the pointer leads. */
function resourceRecord(type: number, address: string, ttlSeconds: number): Buffer {
  const data = isIPv4(address)
    ? Buffer.from(address.split(".").map(Number))
    : Buffer.concat([Buffer.alloc(15), Buffer.from([1])]);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttlSeconds, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}
