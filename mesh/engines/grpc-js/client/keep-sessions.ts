import { subscribe } from 'node:diagnostics_channel';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';

/** Handles of sessions that are kept. */
const kept = new FinalizationRegistry<object>(() => undefined);

/**
 * Keeps a server from aborting this process. `node:http2` has the fields of a header that it refused until the handle of their
 * stream is garbage collected, and aborts if that of the session is collected before (`current_nghttp2_memory_ == 0`). So the
 * handle of a session that has closed is kept until everything else that was garbage then is collected.
 */
export function keepSessions(): void {
  const known = new WeakSet<ClientHttp2Session>();
  subscribe('http2.client.stream.created', (message) => {
    const { session } = (message as { readonly stream: ClientHttp2Stream }).stream;
    if (session === undefined || known.has(session as ClientHttp2Session)) return;
    known.add(session as ClientHttp2Session);
    keepSession(session as ClientHttp2Session);
  });
}

function keepSession(session: ClientHttp2Session): void {
  // It has one from the moment that it is connected until it closes.
  const handle = handleOf(session);
  if (handle === undefined) session.once('connect', () => keepSession(session));
  // Nothing refers to the new object, and only a collection of all garbage finds that out.
  else session.once('close', () => kept.register({}, handle));
}

/** The object of C++ that belongs to one of JavaScript. */
function handleOf(owner: object): object | undefined {
  const key = Object.getOwnPropertySymbols(owner).find(({ description }) => description === 'kHandle');
  return key && Reflect.get(owner, key);
}
