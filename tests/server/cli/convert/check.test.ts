/** What a conversion makes is accepted by our own check, every key of it. */
import { expect, test } from "bun:test";
import { convertText } from "../../../../server/cli/convert/convert.ts";
import { GOBALANCE_SAMPLE, OPSEN_CLIENT_SAMPLE, OPSEN_SERVER_SAMPLE, QUANTUMFLOW_SAMPLE } from "./samples.ts";

test.each([
  ["quantumflow", QUANTUMFLOW_SAMPLE],
  ["gobalance", GOBALANCE_SAMPLE],
  ["opsen", OPSEN_SERVER_SAMPLE],
  ["opsen", OPSEN_CLIENT_SAMPLE],
] as const)("the sample of %s becomes a valid configuration", (product, text) => {
  expect(convertText(product, text, "their.yml").faults).toEqual([]);
});
