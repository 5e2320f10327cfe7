/** Below this size the collector is cheaper than asking. */
const WORTH_FREEING_BYTES = 4096;

/**
 * Frees the memory of a buffer at once: whoever still has the buffer finds it empty. Each read of a socket makes a
 * buffer of up to half a megabyte, and the collector would let a hundred of them pile up in a large transfer. Slices of
 * larger buffers are left alone.
 */
export function freeBytes(bytes: Buffer): void {
  const { buffer } = bytes;
  if (bytes.length < WORTH_FREEING_BYTES || bytes.length !== buffer.byteLength) return;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
