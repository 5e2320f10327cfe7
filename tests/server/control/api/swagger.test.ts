import { expect, test } from "bun:test";
import { record, string } from "../../../support/json.ts";
import { startApi } from "./support.ts";

test("the document has every call, those of the data plane too, with their bodies", async () => {
  using api = startApi();
  const answer = await api.call("GET", "/swagger/json");
  expect(answer.status).toBe(200);
  const document = record(answer.json);
  expect(string(document.openapi)).toMatch(/^3\./);
  expect(record(document.info).version).toBe("1.2.3");
  const paths = record(document.paths);
  const calls = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(record(methods)).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(calls.toSorted()).toEqual([
    "DELETE /backends/{id}",
    "DELETE /cache",
    "DELETE /clients/purge",
    "DELETE /clients/purge-pending",
    "DELETE /clients/{client_id}",
    "DELETE /leases/{lease_id}",
    "GET /audit",
    "GET /backends",
    "GET /backends/{id}",
    "GET /cache",
    "GET /clients",
    "GET /config",
    "GET /health",
    "GET /leases",
    "GET /metrics",
    "GET /metrics/history",
    "GET /migrations",
    "GET /migrations/{id}",
    "GET /migrations/{id}/report",
    "GET /ping",
    "GET /ready",
    "PATCH /backends/{id}",
    "PATCH /config",
    "POST /backends",
    "POST /backends/{id}/drain",
    "POST /backends/{id}/undrain",
    "POST /clients/purge",
    "POST /clients/purge-pending",
    "POST /clients/{client_id}/drain",
    "POST /clients/{client_id}/undrain",
    "POST /config/reload",
    "POST /config/undo",
    "POST /migrations",
    "POST /migrations/{id}/abort",
    "POST /migrations/{id}/advance",
    "POST /migrations/{id}/pause",
    "POST /migrations/{id}/release",
    "POST /migrations/{id}/resume",
    "POST /register",
    "POST /route",
    "POST /route/explain",
    "POST /stats",
    "PUT /leases/{lease_id}",
  ]);
  for (const path of ["/register", "/stats", "/route", "/route/explain"]) {
    expect(JSON.stringify(record(record(paths[path]).post).requestBody)).toContain('"properties"');
  }
  expect(record(record(record(paths["/register"]).post).responses)).toContainKeys([
    "200",
    "400",
    "409",
    "503",
  ]);
});

test("the page needs nothing from elsewhere", async () => {
  using api = startApi();
  const page = await api.call("GET", "/swagger");
  expect(page.headers.get("Content-Type")).toBe("text/html; charset=utf-8");
  expect(page.headers.get("Content-Security-Policy")).toStartWith("default-src 'none'; script-src 'self';");
  const links = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? "");
  expect(links).toHaveLength(3);
  for (const link of links) {
    const asset = await api.call("GET", new URL(link, "http://localhost/swagger").pathname);
    expect(asset.status).toBe(200);
    expect(asset.headers.get("Content-Type")).toMatch(/^text\/(?:css|javascript)/);
    expect(asset.text.length).toBeGreaterThan(50);
  }
});
