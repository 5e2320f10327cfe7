/** Bounds of HTTP/2 connections that nobody needs to set. */

/**
 * What one stream and one connection may have under way to us. A paused stream holds no more than that in memory, and a
 * window of this size is filled once per round trip: 256 KiB in 20 ms are 100 Mbit/s for one upload.
 */
export const WINDOWS = { stream: 262_144, connection: 1_048_576 } as const;

/** A client that cancels many requests at once is honest, one that goes on doing so is not (CVE-2023-44487). */
export const CLIENT_GLITCHES = { burst: 1000, perSecond: 50 } as const;

/** Backends are trusted further: pings and settings of theirs cost us little. */
export const BACKEND_GLITCHES = { burst: 10_000, perSecond: 1000 } as const;
