import { createChannel, createClientFactory } from 'nice-grpc';
import { onTestFinished } from 'vitest';
import { User } from '../../../gen/ts/user/v1/user.ts';
import { grpcFrame } from '../../testing/grpc-frame.ts';
import type { MeshCallContext } from '../call-context.ts';
import type { ServerOptions } from '../create-server.ts';
import { EchoDefinition, type EchoHandlers, echoService } from './echo-service.ts';
import { rawCall, rawConnection } from './raw-call.ts';
import { serveForTest } from './serve-echo.ts';

/** Starts the echo service until the test ends, with a client and a raw HTTP/2 connection to it. */
export async function startEcho(
  handlers: Partial<EchoHandlers> = {},
  contract = {},
  options: Partial<ServerOptions> = {},
) {
  const served = await serveForTest({ serves: [echoService(handlers, contract)], ...options });
  onTestFinished(() => served.server.drain(0));
  const channel = createChannel(served.address);
  onTestFinished(() => channel.close());
  const session = await rawConnection(served.address);
  onTestFinished(() => session.destroy());
  session.on('error', () => undefined);
  const client = createClientFactory().create(EchoDefinition, channel);
  const raw = (method: string, message: User, headers: Record<string, string> = {}) =>
    rawCall(session, `/test.v1.EchoService/${method}`, grpcFrame(User.encode(message).finish()), headers);
  return { ...served, client, session, raw };
}

export const ada = User.fromPartial({ id: 'u1', name: 'Ada', email: 'ada@example.com' });

/** Yields a request for each name. */
export async function* requestStream(...names: string[]) {
  for (const name of names) yield { name };
}

/** Waits for the signal and ends as nice-grpc's handlers do. */
export function aborted({ signal }: MeshCallContext): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
  });
}
