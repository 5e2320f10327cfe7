/** Writes our file, with a comment on each key that says where it comes from. Pure. */
import { Document, isScalar, type Pair, type YAMLMap } from "yaml";
import type { Conversion, Converted } from "./apply.ts";

/** Renders a conversion as YAML; `head` is the comment at the top, one line each. */
export function renderConversion(conversion: Conversion, head: readonly string[]): string {
  const document = new Document({});
  const root = document.createNode({});
  document.contents = root;
  for (const setting of conversion.settings) addPair(document, root, setting);
  if (conversion.backends.length > 0) {
    const entries = conversion.backends.map((backend) => {
      const entry = document.createNode({});
      for (const setting of backend) addPair(document, entry, setting);
      return entry;
    });
    root.add(document.createPair("backends", entries));
  }
  document.commentBefore = head.map((line) => ` ${line}`).join("\n");
  return document.toString({ lineWidth: 0 });
}

function addPair(document: Document, map: YAMLMap, { key, value, from }: Converted): void {
  const pair: Pair = document.createPair(key, value);
  map.add(pair);
  const comment = ` ${from}`;
  if (isScalar(pair.value)) pair.value.comment = comment;
  else if (isScalar(pair.key)) pair.key.commentBefore = comment;
}
