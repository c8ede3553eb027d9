/** Times as central tells them: ISO 8601 in UTC. */

/** Milliseconds since 1970 as text. */
export const isoTime = (ms: number): string => new Date(ms).toISOString();
