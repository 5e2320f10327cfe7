/** The commands of `opsen-server`: the only home of their names, arguments, flags and help. */
import { CONFIG_FILE_ENV } from "../config/bindings.ts";
import type { CommandFlag, CommandSpec } from "./command-spec.ts";
import { migrateCommands } from "./migrate-commands.ts";
import { OFFLINE_COMMANDS } from "./offline-commands.ts";

/** Where the server is, when neither a flag nor the environment says so. */
export const SERVER_URL_ENV = "OPSEN_SERVER";
export const API_KEY_ENV = "OPSEN_API_KEY";

/** What every command takes that talks to a running server. */
const CONNECTION_FLAGS: readonly CommandFlag[] = [
  {
    name: "server",
    value: "URL",
    help: "Address of the server's management.",
    env: SERVER_URL_ENV,
    fallback: "what the file of --config says, else http://127.0.0.1:8080",
  },
  {
    name: "config",
    value: "FILE",
    help: "The server's configuration file, for its address and a key.",
    env: CONFIG_FILE_ENV,
  },
  { name: "key-file", value: "FILE", help: "File that holds the API key and nothing else." },
  {
    name: "key",
    value: "KEY",
    help: "The API key itself: other users of this machine can see it in the list of processes, so prefer --key-file.",
    env: API_KEY_ENV,
  },
  { name: "ca-file", value: "FILE", help: "Certificates (PEM) that may sign the server's." },
  { name: "insecure", help: "Do not verify the server's certificate (development only)." },
  {
    name: "timeout",
    value: "SECONDS",
    help: "Longest wait for an answer.",
    fallback: "10",
    number: { minimum: 0.1, maximum: 3600 },
  },
  { name: "json", help: "Print the answer of the server as JSON and nothing else." },
];

const DRY_RUN: CommandFlag = {
  name: "dry-run",
  help: "Say what would change, and change nothing.",
};
const NO_PERSIST: CommandFlag = { name: "no-persist", help: "Let the change end with the next restart." };
const IF_VERSION: CommandFlag = {
  name: "if-version",
  value: "N",
  help: "Do it only while the version is still this one.",
  number: { minimum: 0, maximum: Number.MAX_SAFE_INTEGER, whole: true },
};
const ID = { name: "ID", help: "Id of the backend." };

/** What operators may say of any backend, whoever made it known. */
const TERM_FLAGS: readonly CommandFlag[] = [
  {
    name: "weight",
    value: "N",
    help: "Its share beside the others' (1); 0 = no new requests, sessions stay.",
    number: { minimum: 0, maximum: 1000 },
  },
  {
    name: "max-connections",
    value: "N",
    help: "Most connections to it; 0 = no limit.",
    number: { minimum: 0, maximum: 1e6, whole: true },
  },
  {
    name: "max-in-flight",
    value: "N",
    help: "Most requests in flight there; 0 = no limit.",
    number: { minimum: 0, maximum: 1e6, whole: true },
  },
  { name: "backup", value: "true|false|ID", help: "Backup of all others, of none, or of one backend." },
  { name: "tag", value: "TAG", help: "A tag; all that are given replace those of before.", repeats: true },
];

const CHANGE_FLAGS: readonly CommandFlag[] = [DRY_RUN, IF_VERSION];

/** What a backend without an agent has to give. */
const RESOURCE_FLAGS: readonly CommandFlag[] = [
  {
    name: "vcpu",
    value: "N",
    help: "Cores that it has.",
    number: { minimum: 0, maximum: 4096, whole: true },
  },
  { name: "memory-gb", value: "N", help: "Memory that it has.", number: { minimum: 0, maximum: 1e6 } },
  { name: "storage-gb", value: "N", help: "Disk space that it has.", number: { minimum: 0, maximum: 1e9 } },
  { name: "gpu", value: "N", help: "GPUs that it has.", number: { minimum: 0, maximum: 32, whole: true } },
  { name: "gpu-memory-gb", value: "N", help: "VRAM of each.", number: { minimum: 0, maximum: 1e5 } },
];

const BACKENDS: CommandSpec = {
  name: "backends",
  summary: "lists the backends, adds, changes or removes one.",
  runsAlone: true,
  flags: [
    ...CONNECTION_FLAGS,
    { name: "status", value: "STATUS", help: "Only those with this status.", repeats: true },
    { name: "tag", value: "TAG", help: "Only those with this tag.", repeats: true },
  ],
  commands: [
    {
      name: "add",
      summary: "adds a backend that has no agent.",
      args: [{ ...ID, help: "Its id; without one it is made of the URL.", optional: true }],
      flags: [
        ...CONNECTION_FLAGS,
        {
          name: "url",
          value: "URL",
          help: "Where it takes requests; path patterns may follow: 'http://10.0.0.5:8000 /api,/v1/*'.",
          repeats: true,
        },
        { name: "dns", value: "NAME:PORT", help: "All addresses of a name, instead of --url." },
        { name: "hostname", value: "NAME", help: "Name to show." },
        ...TERM_FLAGS,
        {
          name: "lat",
          value: "DEGREES",
          help: "Where it is; needs --lon.",
          number: { minimum: -90, maximum: 90 },
        },
        {
          name: "lon",
          value: "DEGREES",
          help: "Where it is; needs --lat.",
          number: { minimum: -180, maximum: 180 },
        },
        ...RESOURCE_FLAGS,
        NO_PERSIST,
        ...CHANGE_FLAGS,
      ],
    },
    {
      name: "set",
      summary: "changes a backend, with an agent or without; what is not named stays.",
      args: [ID],
      flags: [...CONNECTION_FLAGS, ...TERM_FLAGS, NO_PERSIST, ...CHANGE_FLAGS],
    },
    {
      name: "remove",
      summary:
        "forgets a backend, with its leases and sessions; one with an agent comes back when that reports.",
      args: [ID],
      flags: [...CONNECTION_FLAGS, ...CHANGE_FLAGS],
    },
  ],
};

const WAIT: CommandFlag = {
  name: "wait",
  value: "SECONDS",
  help: "Wait until it has nothing left to do, for at most so long; then the exit code is 1 if it still has.",
  number: { minimum: 1, maximum: 86_400, whole: true },
};

const CONFIG: CommandSpec = {
  name: "config",
  summary: "shows and changes the configuration of a running server.",
  commands: [
    {
      name: "get",
      summary: "prints the configuration in force, or one key of it; secrets as ***.",
      args: [{ name: "KEY", help: "Which; none = all.", optional: true, repeats: true }],
      flags: CONNECTION_FLAGS,
    },
    {
      name: "set",
      summary: "changes keys, all of them or none.",
      args: [{ name: "KEY=VALUE", help: "A key and its new value, written as in the file.", repeats: true }],
      flags: [...CONNECTION_FLAGS, NO_PERSIST, ...CHANGE_FLAGS],
      notes: ["Example: opsen-server config set log_level=debug 'whitelisted_ips=[10.0.0.0/8]'"],
    },
    {
      name: "unset",
      summary: "gives keys back to the file and the defaults.",
      args: [{ name: "KEY", help: "Which.", repeats: true }],
      flags: [...CONNECTION_FLAGS, NO_PERSIST, ...CHANGE_FLAGS],
    },
    {
      name: "undo",
      summary: "takes the last change back, of keys or of backends.",
      flags: [...CONNECTION_FLAGS, ...CHANGE_FLAGS],
    },
  ],
};

const PLACE_FLAGS: readonly CommandFlag[] = [
  { name: "tier", value: "NAME", help: "Tier of the request.", fallback: "the server's default tier" },
  { name: "path", value: "PATH", help: "Its path, for backends that serve only some." },
  { name: "ip", value: "ADDRESS", help: "Address of the end user." },
  { name: "lat", value: "DEGREES", help: "The end user's place.", number: { minimum: -90, maximum: 90 } },
  { name: "lon", value: "DEGREES", help: "The end user's place.", number: { minimum: -180, maximum: 180 } },
];

export const SERVER_COMMANDS: readonly CommandSpec[] = [
  { name: "status", summary: "shows how the server is, on one screen.", flags: CONNECTION_FLAGS },
  {
    name: "top",
    summary: "shows backends and their load, live.",
    flags: [
      ...CONNECTION_FLAGS,
      {
        name: "interval",
        value: "SECONDS",
        help: "Time between two looks.",
        fallback: "2",
        number: { minimum: 0.2, maximum: 3600 },
      },
      {
        name: "sort",
        value: "COLUMN",
        help: "What to sort by at first.",
        fallback: "name",
        choices: ["name", "status", "cpu", "memory", "gpu", "in-flight", "latency", "rate"],
      },
      { name: "ascii", help: "Draw with plain characters." },
      { name: "once", help: "Print one look and exit, as when the output is no terminal." },
    ],
    notes: [
      "Keys: q quit; arrows, page keys, Home and End scroll; < and > choose the column to sort by, as do n s c m g i",
      "l r; R turns the order round; space holds the picture still; + and - change the interval.",
    ],
  },
  BACKENDS,
  {
    name: "drain",
    summary: "sends a backend no new requests; those in flight finish.",
    args: [ID],
    flags: [...CONNECTION_FLAGS, WAIT],
  },
  {
    name: "undrain",
    summary: "puts a drained backend back in service.",
    args: [ID],
    flags: CONNECTION_FLAGS,
  },
  {
    name: "explain",
    summary: "shows which backend a request would get, and why not the others.",
    flags: [...CONNECTION_FLAGS, ...PLACE_FLAGS],
  },
  { name: "leases", summary: "lists the capacity that is held.", flags: CONNECTION_FLAGS },
  {
    name: "reload",
    summary: "makes the server read its configuration file again.",
    flags: [...CONNECTION_FLAGS, ...CHANGE_FLAGS],
  },
  CONFIG,
  migrateCommands(CONNECTION_FLAGS),
  {
    name: "audit",
    summary: "lists changes made to the running server, newest first.",
    flags: [
      ...CONNECTION_FLAGS,
      {
        name: "limit",
        value: "N",
        help: "How many.",
        fallback: "50",
        number: { minimum: 1, maximum: 1000, whole: true },
      },
    ],
  },
  ...OFFLINE_COMMANDS,
];
