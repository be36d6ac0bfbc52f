import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { onTestFinished } from 'vitest';
import { type ListUsersRequest, User } from '#gen/user/v1/user.ts';
import { startMesh } from '../../../mesh/testing/start-mesh.ts';
import { edgeService } from '../../../services/edge/service.ts';
import { userServiceWith } from './user-service.ts';

export type ListUsers = (request: ListUsersRequest, signal: AbortSignal) => AsyncIterable<User>;

/** Starts a mesh with this ListUsers for a test. Returns its address, and what happened to the calls. */
export async function startListing(listUsers: ListUsers, environment: Record<string, string> = {}) {
  const seen = { requests: [] as ListUsersRequest[], cancelled: 0 };
  const users = userServiceWith({
    async *listUsers(request, { signal }) {
      seen.requests.push(request);
      signal.addEventListener('abort', () => {
        seen.cancelled += 1;
      });
      yield* listUsers(request, signal);
    },
  });
  const mesh = await startMesh([users, edgeService], { HTTP_LISTEN: '127.0.0.1:0', ...environment });
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= mesh.stop();
    return stopped;
  };
  onTestFinished(stop);
  return { address: mesh.httpAddress ?? '', seen, stop, runtime: mesh.runtime };
}

/** Lists so many users, `u1` and so on, and then does this. */
export function listing(count: number, end: (signal: AbortSignal) => unknown = () => undefined): ListUsers {
  return async function* (_, signal) {
    for (let id = 1; id <= count; id++) yield userOf(`u${id}`);
    await end(signal);
  };
}

export function userOf(id: string): User {
  return User.fromPartial({ id, name: id });
}

export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

/** Gets an answer whose body comes as a test reads it. */
export async function open(address: string, path: string, headers: Record<string, string> = {}, method = 'GET') {
  const [host, port] = address.split(':');
  const outgoing = request({ host, port, method, path, headers, agent: false }).end();
  onTestFinished(() => void outgoing.destroy());
  const [response] = await once(outgoing, 'response');
  return response as IncomingMessage;
}

/** Gets a whole answer as text. `received` is called with what has come so far, each time that more has. */
export async function get(
  address: string,
  path: string,
  headers: Record<string, string> = {},
  received: (text: string) => void = () => undefined,
) {
  const response = await open(address, path, headers);
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk;
    received(text);
  }
  return { status: response.statusCode, headers: response.headers, text };
}
