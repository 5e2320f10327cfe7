/**
 * What each smuggling row requires of a proxy. The octets are those of the parser's own fixture; here stands what
 * must be seen from outside.
 */
import fixture from "./fixtures/smuggling.json";

/** Statuses with which the request may be refused; the connection then ends and no backend hears of it. */
interface Refusal {
  readonly refuse: readonly number[];
}

/** What a served request must look like at the backend. */
interface Served {
  /** The target, where it differs from the one sent. */
  readonly target?: string;
  readonly body?: string;
  /** Fields that must not arrive. */
  readonly lacks?: readonly string[];
  /** Fields that must arrive. */
  readonly has?: readonly string[];
  /** Text that must not arrive anywhere. */
  readonly without?: string;
  /** What follows the request is no request of its own and has to be refused. */
  readonly leftover?: true;
}

export interface Requirement {
  readonly refuse?: readonly number[];
  readonly serve?: Served;
  /** `drain`: answered here, and the body is never taken for a request. `abort`: the backend's request is torn down.
   *  `pipeline`: the second request is a request like any other. `noTunnel`: the same, or the connection ends. */
  readonly other?: "drain" | "abort" | "pipeline" | "noTunnel";
  /** The fault shows only after the beginning was passed on: that has to be cut short, and nothing more. */
  readonly late?: true;
}

export interface Row extends Requirement {
  readonly id: string;
  readonly group: string;
  readonly about: string;
  readonly octets: string;
}

const SMUGGLED = "GET /smug HTTP/1.1\r\nHost: t\r\n\r\n";
const REFUSE: Refusal = { refuse: [400] };
const OR_UNSUPPORTED: Refusal = { refuse: [400, 501] };
const OR_TOO_LARGE: Refusal = { refuse: [400, 413] };
const CARRIED = { serve: { body: SMUGGLED } };

/** Every row that is not simply refused with 400. */
const REQUIRED: Readonly<Record<string, Requirement>> = {
  S22: { ...REFUSE, serve: { body: "0\r\n\r\n", lacks: ["Transfer_Encoding"] } },
  ...Object.fromEntries([23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 34].map((at) => [`S${at}`, OR_UNSUPPORTED])),
  S37: { serve: { body: "Z" } },
  S39: { ...REFUSE, serve: { body: "hello" } },
  S40: { ...REFUSE, serve: { body: "hello" } },
  S48: { ...REFUSE, serve: { body: "0123456789" } },
  S52: OR_TOO_LARGE,
  S53: OR_TOO_LARGE,
  S58: { ...REFUSE, serve: { body: "", lacks: ["Content_Length"], leftover: true } },
  S60: { ...REFUSE, ...CARRIED },
  S69: OR_TOO_LARGE,
  S70: OR_TOO_LARGE,
  S77: { ...REFUSE, serve: { body: "hello", without: ";" } },
  S78: { serve: { body: "hello", without: ";a=b" } },
  S80: { refuse: [400, 413, 431] },
  S81: OR_TOO_LARGE,
  // "XX" may become the name of a trailer field: until more comes, only the silence is at fault.
  S84: { refuse: [400, 408], late: true },
  S88: { ...REFUSE, serve: { body: "hello", without: "Content-Length: 31" } },
  S89: { ...REFUSE, serve: { body: "hello", without: "evil", lacks: ["Authorization"] } },
  S91: { ...REFUSE, ...CARRIED },
  S92: { other: "drain" },
  S93: { other: "pipeline" },
  S94: { other: "drain" },
  S95: { refuse: [417, 400] },
  S96: { ...REFUSE, serve: { body: "hello" } },
  S97: { ...REFUSE, ...CARRIED },
  S98: { refuse: [408], late: true },
  S99: { other: "abort" },
  S100: { other: "abort" },
  S106: { refuse: [400, 505] },
  S107: { refuse: [400, 505] },
  S109: { refuse: [400, 505] },
  S121: { serve: { body: "" } },
  S129: { ...REFUSE, serve: { target: "/x", body: "", without: "evil" } },
  S130: { other: "noTunnel" },
  S131: { serve: { body: "", lacks: ["Upgrade", "HTTP2-Settings"] } },
  S133: { serve: { body: "", lacks: ["Upgrade"] } },
  S134: { serve: { body: "", lacks: ["Upgrade"] } },
  S135: { serve: { body: "", has: ["X-Forwarded-For", "X-Forwarded-Host"] } },
  S137: { serve: { body: "", lacks: ["X-Secret"] } },
};

type Part = string | { readonly repeat: string; readonly times: number };

export const ROWS: readonly Row[] = fixture.map(({ id, group, about, raw }) => ({
  id,
  group,
  about,
  octets: (raw as readonly Part[])
    .map((part) => (typeof part === "string" ? part : part.repeat.repeat(part.times)))
    .join(""),
  ...(REQUIRED[id] ?? REFUSE),
}));

const LENGTH = "Content-Length: 5\r\n";

/** Group B once more, where a proxy cannot pass only because it refuses two framings at once. */
export const ROWS_WITHOUT_LENGTH: readonly Row[] = ROWS.filter(
  (row) => row.group === "B" && row.octets.includes(LENGTH),
).map((row) => ({
  ...row,
  id: `${row.id} without length`,
  octets: row.octets.replace(LENGTH, ""),
  ...(row.id === "S22" && { serve: { body: "", lacks: ["Transfer_Encoding"], leftover: true } }),
}));

/** The same octets as a response; groups whose fault is in the framing. */
export const RESPONSE_ROWS: readonly Row[] = [...ROWS, ...ROWS_WITHOUT_LENGTH]
  .filter(({ group }) => ["A", "B", "C", "D"].includes(group))
  .map((row) => ({
    ...row,
    octets: row.octets.replace(/^[A-Z]+ \/ (HTTP\/1\.[01])\r\n/, "$1 200 OK\r\n"),
  }));

/** The rows that arrive octet by octet: of a body, the good beginning may then have been passed on. */
export const SPLIT_ROWS: readonly Row[] = ROWS.filter(({ octets }) => octets.length < 2000).map((row) => ({
  ...row,
  ...(row.group === "D" && { late: true }),
}));
