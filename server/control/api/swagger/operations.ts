/**
 * `/swagger`: the API's documentation, complete without a network. The page's files are embedded in the executable
 * and read when asked for; the document is made when first asked for, as its library is not small.
 */

import stylePath from "swagger-ui-dist/swagger-ui.css" with { type: "file" };
import bundlePath from "swagger-ui-dist/swagger-ui-bundle.js" with { type: "file" };
import type { Operation } from "../deps.ts";

/** The page needs its own files, the document, and styles and pictures that the library writes into the page. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Opsen API</title>
<link rel="stylesheet" href="swagger/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="swagger/swagger-ui-bundle.js"></script>
<script src="swagger/start.js"></script>
</body>
</html>
`;

// No validator: it would send the document's address to a service on the network.
const START = `SwaggerUIBundle({ url: "swagger/json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null });
`;

const READ = { methods: ["GET"], tag: "status" } as const;

/** The operations that serve the documentation of others. */
export function swaggerOperations(documented: readonly Operation[], version: string): Operation[] {
  let document: Promise<string> | null = null;
  return [
    {
      ...READ,
      path: "/swagger",
      summary: "This documentation, for people.",
      answers: { 200: "A page." },
      handle: () => page(PAGE, "text/html; charset=utf-8"),
    },
    {
      ...READ,
      path: "/swagger/json",
      summary: "This documentation, as an OpenAPI document.",
      answers: { 200: "OpenAPI." },
      handle: async () => {
        document ??= import("./document.ts").then(({ openApiDocument }) =>
          openApiDocument(documented, version),
        );
        return page(await document, "application/json");
      },
    },
    {
      ...READ,
      path: "/swagger/start.js",
      summary: "Part of the page.",
      answers: { 200: "A script." },
      handle: () => page(START, "text/javascript; charset=utf-8"),
    },
    {
      ...READ,
      path: "/swagger/swagger-ui-bundle.js",
      summary: "Part of the page.",
      answers: { 200: "A script." },
      handle: () => page(Bun.file(bundlePath), "text/javascript; charset=utf-8"),
    },
    {
      ...READ,
      path: "/swagger/swagger-ui.css",
      summary: "Part of the page.",
      answers: { 200: "A style sheet." },
      handle: () => page(Bun.file(stylePath), "text/css; charset=utf-8"),
    },
  ];
}

function page(body: string | Blob, contentType: string): Response {
  return new Response(body, {
    headers: {
      "Content-Type": contentType,
      "Content-Security-Policy": CONTENT_SECURITY_POLICY,
      "Cache-Control": "no-cache",
    },
  });
}
