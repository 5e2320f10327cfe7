/** Starts proxies of other makers in front of a backend, each as its documentation has a plain reverse proxy. */
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { Child } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { refusingPort } from "../support/raw-backend.ts";
import { makeTempDir, removeDir } from "../support/temp-dir.ts";
import type { ProxyUnderTest, Upstream } from "./stand.ts";

export const PEER_NAMES = ["haproxy", "nginx", "caddy"] as const;
export type PeerName = (typeof PEER_NAMES)[number];

interface Peer {
  readonly config: (ports: { listen: number; backend: number }, upstream: Upstream, dir: string) => string;
  readonly command: (program: string, file: string, dir: string) => readonly string[];
}

/** Three seconds for what a client sends, as the product's own column has. */
const PEERS: Readonly<Record<PeerName, Peer>> = {
  haproxy: {
    config: ({ listen, backend }, upstream) => `
defaults
  mode http
  timeout connect 5s
  timeout client 3s
  timeout server 5s
  timeout http-request 3s
  timeout http-keep-alive 10s
  option ${upstream === "kept" ? "http-keep-alive" : "http-server-close"}
  ${upstream === "kept" ? "http-reuse always" : "http-reuse never"}
  option forwardfor
frontend f
  bind 127.0.0.1:${listen}
  default_backend b
backend b
  server s 127.0.0.1:${backend}
`,
    command: (program, file) => [program, "-db", "-f", file],
  },
  nginx: {
    config: ({ listen, backend }, upstream, dir) => `
daemon off;
master_process off;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log;
events {}
http {
  access_log off;
  client_body_temp_path ${dir}/body;
  proxy_temp_path ${dir}/proxy;
  fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi;
  scgi_temp_path ${dir}/scgi;
  upstream b { server 127.0.0.1:${backend}; ${upstream === "kept" ? "keepalive 16;" : ""} }
  server {
    listen 127.0.0.1:${listen};
    client_header_timeout 3s;
    client_body_timeout 3s;
    client_max_body_size 0;
    location / {
      proxy_pass http://b;
      proxy_read_timeout 5s;
      proxy_http_version 1.1;
      proxy_set_header Connection ${upstream === "kept" ? '""' : "close"};
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Host $http_host;
    }
  }
}
`,
    command: (program, file, dir) => [program, "-c", file, "-p", dir, "-e", join(dir, "error.log")],
  },
  caddy: {
    config: ({ listen, backend }, upstream, dir) => `
{
  admin off
  auto_https off
  storage file_system ${dir}
  servers {
    timeouts {
      read_header 3s
      read_body 3s
    }
  }
}
http://:${listen} {
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:${backend} {
    transport http {
      ${upstream === "kept" ? "keepalive 30s" : "keepalive off"}
    }
  }
}
`,
    command: (program, file) => [program, "run", "--adapter", "caddyfile", "--config", file],
  },
};

/** Where the program lies; null when it is not installed. */
export function findPeer(name: PeerName): string | null {
  return Bun.which(name, { PATH: `${process.env.PATH ?? ""}:/usr/sbin:/usr/local/sbin` });
}

/** Starts a proxy in front of a backend and resolves once it listens. */
export async function startPeer(
  name: PeerName,
  backend: number,
  upstream: Upstream,
): Promise<ProxyUnderTest> {
  const program = findPeer(name);
  if (program === null) throw new Error(`${name} is not installed`);
  const dir = makeTempDir();
  const port = await refusingPort();
  const file = join(dir, "config");
  const peer = PEERS[name];
  writeFileSync(file, peer.config({ listen: port, backend }, upstream, dir));
  const child = new Child({ command: peer.command(program, file, dir), cwd: dir });
  const started: ProxyUnderTest = {
    target: { port },
    [Symbol.asyncDispose]: async () => {
      await child[Symbol.asyncDispose]();
      removeDir(dir);
    },
  };
  try {
    await eventually(`${name} listens`, () => canConnect(port));
  } catch (error) {
    await started[Symbol.asyncDispose]();
    throw error;
  }
  return started;
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
