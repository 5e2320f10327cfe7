import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import { isJson, isMediaType } from "../../../core/http/media-type.ts";
import type { MessageHead } from "../../../core/http/message-head.ts";
import type { Reply } from "../../../core/http/respond.ts";
import type { ResponseHead } from "../../../core/http/response-head.ts";
import {
  REDACTED,
  redactForm,
  redactJson,
  redactQuery,
  type SecretTest,
  secretTest,
} from "../../../core/log/redact.ts";
import { ClientView } from "./client-view.ts";
import type { Exchange } from "./exchange.ts";
import type { ExchangeClient } from "./sides.ts";

type MessageKeys = Pick<
  ServerConfig,
  "log_messages" | "log_message_bytes" | "log_redact_headers" | "log_redact_fields"
>;

/** Never written, whatever is configured. */
const SECRET_HEADERS = [
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-api-key",
  "x-opsen-agent-token",
];
/** Their values are URLs, whose queries are looked through. */
const URL_HEADERS: ReadonlySet<string> = new Set(["location", "content-location", "referer"]);
const FORM = "application/x-www-form-urlencoded";
const TEXT = /^(?:text\/|application\/(?:[\w.+-]*\+)?xml\b)/i;

/** What `log_messages` and the keys beside it come to. */
export interface MessageLogOptions {
  readonly bodyBytes: number;
  readonly isSecretHeader: SecretTest;
  readonly isSecretField: SecretTest;
}

/** Derives the options; null when it is off. */
export function messageLogOptions(config: MessageKeys): MessageLogOptions | null {
  if (!config.log_messages) return null;
  return {
    bodyBytes: config.log_message_bytes,
    isSecretHeader: secretTest([...SECRET_HEADERS, ...config.log_redact_headers]),
    isSecretField: secretTest(config.log_redact_fields),
  };
}

/** The beginning of a body. */
class Excerpt {
  total = 0;
  readonly #limit: number;
  #parts: Buffer[] = [];
  #kept = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  reset(): void {
    this.total = 0;
    this.#kept = 0;
    this.#parts = [];
  }

  add(bytes: Buffer, start: number, end: number): void {
    this.total += end - start;
    const length = Math.min(end - start, this.#limit - this.#kept);
    if (length <= 0) return;
    this.#parts.push(Buffer.from(bytes.subarray(start, start + length)));
    this.#kept += length;
  }

  get text(): string {
    return Buffer.concat(this.#parts).toString("utf8");
  }
}

type Fields = Record<string, string>;

/**
 * The client of an exchange, and an ear at it: keeps the heads and the beginnings of the bodies of both messages, and
 * writes them, without their secrets, when the exchange is over. Management is never written.
 */
export class MessageLog extends ClientView {
  readonly #exchange: Exchange;
  readonly #options: MessageLogOptions;
  readonly #request: Excerpt;
  readonly #response: Excerpt;
  #fields: Fields | null = null;

  constructor(exchange: Exchange, options: MessageLogOptions) {
    super();
    this.#exchange = exchange;
    this.#options = options;
    this.#request = new Excerpt(options.bodyBytes);
    this.#response = new Excerpt(options.bodyBytes);
  }

  override serve(client: ExchangeClient): this {
    this.#request.reset();
    this.#response.reset();
    this.#fields = null;
    return super.serve(client);
  }

  /** A piece of the request's body has come. */
  requestBody(bytes: Buffer, start: number, end: number): void {
    if (!this.#exchange.facts.management) this.#request.add(bytes, start, end);
  }

  override begin(response: ResponseHead): boolean {
    if (!this.#exchange.facts.management) this.#fields = this.#fieldsOf(response);
    return super.begin(response);
  }

  override body(bytes: Buffer, start: number, end: number): void {
    if (!this.#exchange.facts.management) this.#response.add(bytes, start, end);
    super.body(bytes, start, end);
  }

  override respond(reply: Reply, keepAlive: boolean): void {
    if (!this.#exchange.facts.management) {
      this.#fields = {};
      for (const [name, value] of reply.headers) this.#put(this.#fields, name.toLowerCase(), value);
      const body = Buffer.from(reply.body);
      if (reply.omitBody !== true) this.#response.add(body, 0, body.length);
    }
    super.respond(reply, keepAlive);
  }

  /** Writes both messages; the access line follows. */
  write(): void {
    const { facts, head, plane } = this.#exchange;
    // What was no request has no fields to tell of.
    if (facts.management || head.method === "-") return;
    const id = facts.idOf(head);
    const { isSecretField } = this.#options;
    const fields = this.#fieldsOf(head);
    const target = redactQuery(head.target, isSecretField);
    plane.log.message(`request ${head.method} ${target}`, this.#options.bodyBytes, {
      id,
      client: facts.clientIp,
      headers: fields,
      ...this.#bodyOf(this.#request, fields),
    });
    if (this.#fields === null) return;
    plane.log.message(`response ${facts.status}`, this.#options.bodyBytes, {
      id,
      backend: facts.clientId === "" ? undefined : facts.clientId,
      headers: this.#fields,
      ...this.#bodyOf(this.#response, this.#fields),
    });
  }

  #fieldsOf(head: MessageHead): Fields {
    const fields: Fields = {};
    for (let index = 0; index < head.count; index++) {
      this.#put(fields, head.name(index).toLowerCase(), head.value(index));
    }
    return fields;
  }

  #put(fields: Fields, name: string, value: string): void {
    const { isSecretHeader, isSecretField } = this.#options;
    const url = URL_HEADERS.has(name) ? redactQuery(value, isSecretField) : value;
    const shown = isSecretHeader(name) ? REDACTED : url;
    const before = Object.hasOwn(fields, name) ? fields[name] : undefined;
    fields[name] = before === undefined ? shown : `${before}, ${shown}`;
  }

  /** What the log says of a body: its beginning if it is text, and else its size alone. */
  #bodyOf(excerpt: Excerpt, fields: Fields): Readonly<Record<string, string | number>> {
    if (excerpt.total === 0) return {};
    const { total } = excerpt;
    const type = fields["content-type"] ?? "";
    const { isSecretField } = this.#options;
    if (fields["content-encoding"] !== undefined) return { bytes: total };
    if (isJson(type)) return { bytes: total, body: redactJson(excerpt.text, isSecretField) };
    if (isMediaType(type, FORM)) return { bytes: total, body: redactForm(excerpt.text, isSecretField) };
    return TEXT.test(type) ? { bytes: total, body: excerpt.text } : { bytes: total };
  }
}
