/** Frames that are about the connection, its windows and the life of streams; those with messages are the session's. */
import * as frame from "./frame.ts";
import type { Sender } from "./sender.ts";
import type { PeerSettings } from "./settings.ts";
import type { Stream } from "./stream.ts";
import type { StreamTable } from "./stream-table.ts";

/** What control frames act on. */
export interface ControlHost {
  readonly isServer: boolean;
  readonly streams: StreamTable;
  readonly sender: Sender;
  readonly peer: PeerSettings;
  /** Nobody has opened that stream yet. */
  isIdle(stream: number): boolean;
  /** Ends the connection. */
  fail(code: number, reason: string): void;
  /** Ends a stream because of what the peer did. */
  failStream(stream: number, code: number, reason: string): void;
  /** The peer has ended a stream. */
  resetByPeer(stream: Stream, code: number): void;
  /** Counts a glitch. */
  spend(weight: number): void;
  /** The peer has said what it is. */
  onSettings(): void;
  onPong(): void;
  /** The peer takes no streams above that one. */
  onGoAway(lastStream: number): void;
}

/** Weights of glitches: a stream that is opened for nothing costs most. */
const RESET = 1;
const SMALL = 0.2;
/** A window that grows by less is fed by the octet. */
const SMALL_INCREMENT = 256;

/** Acts on one control frame, whose payload is bytes[start, end). */
export function onControlFrame(
  host: ControlHost,
  head: { readonly type: number; readonly flags: number; readonly stream: number },
  bytes: Buffer,
  start: number,
  end: number,
): void {
  const { type, flags, stream } = head;
  switch (type) {
    case frame.PRIORITY:
      onPriority(host, stream, bytes, start, end);
      return;
    case frame.RST_STREAM:
      onReset(host, stream, bytes, start, end);
      return;
    case frame.SETTINGS:
      onSettings(host, flags, stream, bytes, start, end);
      return;
    case frame.PING:
      onPing(host, flags, stream, bytes, start, end);
      return;
    case frame.GOAWAY:
      if (stream !== 0) host.fail(frame.PROTOCOL_ERROR, "GOAWAY on a stream");
      else if (end - start < 8) host.fail(frame.FRAME_SIZE_ERROR, "GOAWAY too short");
      else host.onGoAway(bytes.readUInt32BE(start) & frame.MAX_STREAM_ID);
      return;
    case frame.WINDOW_UPDATE:
      onWindowUpdate(host, stream, bytes, start, end);
      return;
    case frame.PUSH_PROMISE:
      host.fail(frame.PROTOCOL_ERROR, "PUSH_PROMISE, which nobody allowed");
      return;
    case frame.CONTINUATION:
      host.fail(frame.PROTOCOL_ERROR, "CONTINUATION without HEADERS");
      return;
    default:
      // Unknown types are to be ignored (section 4.1).
      host.spend(SMALL);
  }
}

/** Priorities are checked and forgotten: nothing here goes by them (section 5.3.2). */
function onPriority(host: ControlHost, stream: number, bytes: Buffer, start: number, end: number): void {
  host.spend(SMALL);
  if (stream === 0) host.fail(frame.PROTOCOL_ERROR, "PRIORITY without a stream");
  else if (end - start !== 5) host.failStream(stream, frame.FRAME_SIZE_ERROR, "PRIORITY of a wrong size");
  else if ((bytes.readUInt32BE(start) & frame.MAX_STREAM_ID) === stream) {
    host.failStream(stream, frame.PROTOCOL_ERROR, "stream that depends on itself");
  }
}

function onReset(host: ControlHost, id: number, bytes: Buffer, start: number, end: number): void {
  if (id === 0 || host.isIdle(id)) host.fail(frame.PROTOCOL_ERROR, "RST_STREAM of no stream");
  else if (end - start !== 4) host.fail(frame.FRAME_SIZE_ERROR, "RST_STREAM of a wrong size");
  else {
    const stream = host.streams.get(id);
    if (stream === undefined) return;
    if (host.isServer && !stream.localEnded) host.spend(RESET);
    host.resetByPeer(stream, bytes.readUInt32BE(start));
  }
}

function onSettings(
  host: ControlHost,
  flags: number,
  stream: number,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  const isAck = (flags & frame.ACK) !== 0;
  if (stream !== 0) host.fail(frame.PROTOCOL_ERROR, "SETTINGS on a stream");
  else if (isAck ? end !== start : (end - start) % 6 !== 0) {
    host.fail(frame.FRAME_SIZE_ERROR, "SETTINGS of a wrong size");
  } else if (!isAck) applySettings(host, bytes, start, end);
}

function applySettings(host: ControlHost, bytes: Buffer, start: number, end: number): void {
  const { peer, sender, streams } = host;
  const before = peer.initialWindow;
  const code = peer.read(bytes, start, end, !host.isServer);
  if (code !== 0) {
    host.fail(code, "invalid setting");
    return;
  }
  const change = peer.initialWindow - before;
  if (change !== 0) {
    for (const stream of streams.all()) {
      stream.sendWindow += change;
      if (stream.sendWindow > frame.MAX_WINDOW) {
        host.fail(frame.FLOW_CONTROL_ERROR, "window above its maximum");
        return;
      }
    }
  }
  sender.frame(frame.wordFrame(frame.SETTINGS, frame.ACK, 0, []));
  host.spend(RESET);
  host.onSettings();
  sender.pump();
}

function onPing(
  host: ControlHost,
  flags: number,
  stream: number,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  if (stream !== 0) host.fail(frame.PROTOCOL_ERROR, "PING on a stream");
  else if (end - start !== 8) host.fail(frame.FRAME_SIZE_ERROR, "PING of a wrong size");
  else if ((flags & frame.ACK) !== 0) host.onPong();
  else {
    host.spend(RESET);
    host.sender.frame(frame.byteFrame(frame.PING, frame.ACK, 0, bytes, start, end));
  }
}

function onWindowUpdate(host: ControlHost, id: number, bytes: Buffer, start: number, end: number): void {
  const { sender } = host;
  if (end - start !== 4) {
    host.fail(frame.FRAME_SIZE_ERROR, "WINDOW_UPDATE of a wrong size");
    return;
  }
  const increment = bytes.readUInt32BE(start) & frame.MAX_WINDOW;
  if (increment < SMALL_INCREMENT) host.spend(SMALL);
  if (id === 0) {
    sender.window += increment;
    if (increment === 0) host.fail(frame.PROTOCOL_ERROR, "WINDOW_UPDATE of nothing");
    else if (sender.window > frame.MAX_WINDOW)
      host.fail(frame.FLOW_CONTROL_ERROR, "window above its maximum");
    else sender.pump();
    return;
  }
  if (host.isIdle(id)) {
    host.fail(frame.PROTOCOL_ERROR, "WINDOW_UPDATE of no stream");
    return;
  }
  const stream = host.streams.get(id);
  if (stream === undefined) return;
  stream.sendWindow += increment;
  if (increment === 0) host.failStream(id, frame.PROTOCOL_ERROR, "WINDOW_UPDATE of nothing");
  else if (stream.sendWindow > frame.MAX_WINDOW) {
    host.failStream(id, frame.FLOW_CONTROL_ERROR, "window above its maximum");
  } else sender.pump();
}
