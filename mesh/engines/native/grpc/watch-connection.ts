import type { Http2Connection } from '../http2/connection.ts';

const firstSettingsMs = 10_000;
const pingEveryMs = 60_000;
const pingTimeoutMs = 20_000;

/**
 * Ends a connection whose peer never says anything, and one whose peer is gone: it is pinged every minute, and has 20 s to
 * answer. Keeps no process alive.
 */
export function watchConnection(connection: Http2Connection): void {
  const silent = setTimeout(() => {
    if (!connection.settled) connection.destroy(new Error('the peer sent no SETTINGS'));
  }, firstSettingsMs);
  silent.unref();
  const pinging = setInterval(() => {
    if (connection.closed) return clearInterval(pinging);
    const gone = setTimeout(() => connection.destroy(new Error('the peer answers no PING')), pingTimeoutMs);
    gone.unref();
    connection.ping(() => clearTimeout(gone));
  }, pingEveryMs);
  pinging.unref();
}
