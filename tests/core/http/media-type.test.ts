import { expect, test } from "bun:test";
import { isJson, isMediaType } from "../../../core/http/media-type.ts";

test("a media type is compared without its parameters, and in any case", () => {
  for (const value of [
    "text/plain",
    "Text/PLAIN",
    " text/plain ",
    "text/plain; charset=utf-8",
    "text/plain;",
  ]) {
    expect(isMediaType(value, "text/plain")).toBe(true);
  }
  for (const value of ["", "text/plainer", "text", "application/x;text/plain", "text/plain, text/html"]) {
    expect(isMediaType(value, "text/plain")).toBe(false);
  }
});

test("JSON is application/json or a type with the suffix +json", () => {
  for (const value of ["application/json", "application/problem+json", "Application/LD+JSON ; profile=x"]) {
    expect(isJson(value)).toBe(true);
  }
  for (const value of ["", "text/json", "application/jsonl", "application/x+jsonp", "text/plain; a=x+json"]) {
    expect(isJson(value)).toBe(false);
  }
});
