/** The OpenAPI document, made by Elysia's plugin from the operations. Loaded when first asked for. */
import { swagger } from "@elysiajs/swagger";
import { Elysia } from "elysia";
import type { Operation } from "../deps.ts";

const TAGS = [
  { name: "routing", description: "Where a request should go, and the capacity that is held for it." },
  { name: "agents", description: "What agents on backends call." },
  { name: "backends", description: "What is known of the backends." },
  { name: "migrations", description: "Requests that move from one group of backends to another." },
  { name: "settings", description: "The configuration as it counts now, and changes of it." },
  { name: "status", description: "Whether the server is well." },
];

/** Writes the document as JSON. The application behind it exists for that alone: it is never asked anything else. */
export async function openApiDocument(operations: readonly Operation[], version: string): Promise<string> {
  const app = new Elysia().use(
    swagger({
      path: "/document",
      documentation: {
        info: {
          title: "Opsen",
          version,
          description:
            "Management API of opsen-server. Errors are problem documents (RFC 9457): `detail` says what to do, `errors` names each field.",
        },
        tags: TAGS,
        security: [{ key: [] }],
        components: { securitySchemes: { key: { type: "apiKey", in: "header", name: "X-API-Key" } } },
      },
    }),
  );
  for (const operation of operations) {
    const { body, path } = operation;
    const methods = operation.methods === "any" ? ["GET"] : operation.methods;
    const hooks = { ...(body === undefined ? {} : { body }), detail: detailOf(operation) };
    for (const method of methods) app.route(method, path, () => "", hooks);
  }
  const answer = await app.handle(new Request("http://opsen.internal/document/json"));
  return answer.text();
}

function detailOf({ tag, summary, answers, query, headers }: Operation) {
  const responses: Record<string, { description: string; content?: Record<string, object> }> = {};
  for (const [status, description] of Object.entries(answers)) {
    const type = Number(status) < 400 ? "application/json" : "application/problem+json";
    responses[status] = status === "204" ? { description } : { description, content: { [type]: {} } };
  }
  return {
    tags: [tag],
    summary,
    parameters: [...parameters("query", query), ...parameters("header", headers)],
    responses,
  };
}

function parameters(place: "query" | "header", named: Readonly<Record<string, string>> = {}) {
  return Object.entries(named).map(([name, description]) => ({
    name,
    in: place,
    description,
    schema: { type: "string" as const },
  }));
}
