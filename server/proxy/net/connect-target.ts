import type { HostTls } from "../../../core/tls/backend-tls.ts";

/** How TLS is spoken to a backend. */
export interface TlsTarget extends HostTls {
  /** The protocol that is offered by ALPN. HTTP/1.1 is taken for granted, HTTP/2 must be agreed upon. */
  readonly protocol: "http/1.1" | "h2";
}

/** Where an outgoing connection goes. */
export type ConnectTarget =
  | { readonly kind: "unix"; readonly path: string }
  | {
      readonly kind: "tcp";
      readonly host: string;
      readonly port: number;
      /** Where the host is; null when it is an address itself. */
      readonly names: Names | null;
      /** Null for plain TCP. */
      readonly tls: TlsTarget | null;
      /** Asked about an address before it is connected to, and about the one that is connected to in the end. */
      readonly admits: (address: string) => boolean;
    };

/** Says where a name leads, and is told where it leads in vain. */
export interface Names {
  addressesOf(host: string): Promise<readonly string[]>;
  failed(host: string, address: string): void;
}

/** What attempts to one target have in common; see {@link connectSocket}. */
export interface Attempts {
  /** Attempts that nobody waits for any more, but that the kernel has not given up yet. */
  forsaken: number;
}

export type TcpTarget = Extract<ConnectTarget, { readonly kind: "tcp" }>;
