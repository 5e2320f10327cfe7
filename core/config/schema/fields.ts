/**
 * Builders for the fields of a configuration schema. A field states its type, bound, default and help text
 * once; types, validation, the reference and `--help` are all derived from it.
 */
import {
  type TArray,
  type TBoolean,
  type TInteger,
  type TNumber,
  type TSchema,
  type TString,
  Type,
} from "@sinclair/typebox";

/** What a string field must hold beyond being a string; checked by the parser, named in errors and the reference. */
export type StringFormat =
  | "base-url" // an absolute http:// or https:// URL to which paths are appended
  | "cidr" // an IP address or a CIDR range
  | "dns-target" // a host name and a port
  | "dns-server" // an IP address, with a port where it is not 53
  | "header-name" // an RFC 9110 token
  | "host" // an IP address or a host name
  | "http-url" // an absolute http:// or https:// URL
  | "origin" // a web origin such as https://app.example.com, or "*"
  | "path" // a file system path
  | "strategy" // the name of a strategy, in any spelling
  | "path-prefix" // "/", "*", "/*" or a path such as "/api"
  | "token" // letters, digits and . _ : @ + ~ -
  | "url-path"; // the path of a URL, from "/" on

interface Bounds {
  readonly minimum: number;
  readonly maximum: number;
}

/** A whole number within inclusive bounds. */
export function int(fallback: number, bounds: Bounds, description: string): TInteger {
  return Type.Integer({ default: fallback, ...bounds, description });
}

/** A finite number within inclusive bounds. */
export function number(fallback: number, bounds: Bounds, description: string): TNumber {
  return Type.Number({ default: fallback, ...bounds, description });
}

export function bool(fallback: boolean, description: string): TBoolean {
  return Type.Boolean({ default: fallback, description });
}

/** A string; the empty string is allowed and means "not set" unless the field is `required`. */
export function text(
  fallback: string,
  description: string,
  rule: {
    readonly format?: StringFormat;
    readonly required?: true;
    readonly secret?: true;
    readonly maxLength?: number;
    readonly pattern?: string;
    /** What the pattern means, in words. */
    readonly expected?: string;
  } = {},
): TString {
  return Type.String({ default: fallback, description, ...rule });
}

export function list<T extends TSchema>(item: T, description: string, maxItems = 1024): TArray<T> {
  return Type.Array(item, { default: [], description, maxItems });
}
