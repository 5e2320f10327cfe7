/** The list of one protocol as RFC 7301 section 3.1 writes it; Bun sends no other form of it. */
export function alpnList(protocol: string): ArrayBuffer {
  return Uint8Array.from([protocol.length, ...Buffer.from(protocol, "latin1")]).buffer;
}
