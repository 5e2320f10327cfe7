/** SETTINGS (RFC 9113 section 6.5): what each side says of itself. */
import { FIRST_WINDOW, FLOW_CONTROL_ERROR, MAX_FRAME_BYTES, MAX_WINDOW, PROTOCOL_ERROR } from "./frame.ts";

export const ENABLE_PUSH = 2;
export const MAX_CONCURRENT_STREAMS = 3;
export const INITIAL_WINDOW_SIZE = 4;
const MAX_FRAME_SIZE = 5;
export const MAX_HEADER_LIST_SIZE = 6;

/** SETTINGS_HEADER_TABLE_SIZE that every side assumes; we announce no other. */
export const DEFAULT_TABLE_BYTES = 4096;
/** Most frames that any setting may allow. */
const LARGEST_FRAME = 0xff_ffff;
const SETTING_BYTES = 6;

/** What the peer has said, with the values that count until it does. */
export class PeerSettings {
  maxConcurrentStreams = Number.POSITIVE_INFINITY;
  initialWindow = FIRST_WINDOW;

  /**
   * Takes the payload bytes[start, end) of a SETTINGS frame of `server` or client; returns 0, or the code of the
   * connection error that it is. Settings that we do not know, or that ask nothing of us, are passed over: we keep no
   * table for header blocks, push nothing, and send no frame that is larger than every peer must take.
   */
  read(bytes: Buffer, start: number, end: number, isServer: boolean): number {
    for (let at = start; at < end; at += SETTING_BYTES) {
      const code = this.#set(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2), isServer);
      if (code !== 0) return code;
    }
    return 0;
  }

  #set(id: number, value: number, isServer: boolean): number {
    switch (id) {
      case ENABLE_PUSH:
        return value > 1 || (isServer && value === 1) ? PROTOCOL_ERROR : 0;
      case MAX_CONCURRENT_STREAMS:
        this.maxConcurrentStreams = value;
        return 0;
      case INITIAL_WINDOW_SIZE:
        this.initialWindow = value;
        return value > MAX_WINDOW ? FLOW_CONTROL_ERROR : 0;
      case MAX_FRAME_SIZE:
        return value < MAX_FRAME_BYTES || value > LARGEST_FRAME ? PROTOCOL_ERROR : 0;
      default:
        return 0;
    }
  }
}

/** Makes the payload of a SETTINGS frame. */
export function settingsPayload(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.allocUnsafe(SETTING_BYTES * settings.length);
  let at = 0;
  for (const [id, value] of settings) at = payload.writeUInt32BE(value, payload.writeUInt16BE(id, at));
  return payload;
}
