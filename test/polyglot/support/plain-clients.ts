import { randomUUID } from 'node:crypto';
import { type ChannelCredentials, type ChannelOptions, createChannel, createClient } from 'nice-grpc';
import { EventServiceDefinition, Start } from '../../../gen/ts/events/v1/events.ts';
import { UserServiceDefinition } from '../../../gen/ts/user/v1/user.ts';

/** Plain clients of gRPC, without the policies of the mesh's own. */
export function connect(address: string, options: ChannelOptions = {}, credentials?: ChannelCredentials) {
  const channel = createChannel(address, credentials, options);
  return {
    users: createClient(UserServiceDefinition, channel),
    events: createClient(EventServiceDefinition, channel),
    [Symbol.dispose]: () => channel.close(),
  };
}
export type Clients = ReturnType<typeof connect>;

/** A request to create a user. */
export const draft = (name = 'Ada') => {
  const id = randomUUID();
  return { user: { id, name, email: `${id}@example.com` } };
};

/** Follows the events of users from the beginning. */
export function follow({ events }: Clients, signal?: AbortSignal) {
  const seen = { events: 0, error: undefined as unknown };
  const ended = (async () => {
    const request = { topic: 'user.events', from: { $case: 'start', value: Start.START_BEGINNING } } as const;
    try {
      for await (const _ of events.subscribe(request, signal ? { signal } : {})) seen.events += 1;
    } catch (error) {
      seen.error = error;
    }
  })();
  return { seen, ended };
}

/** Follows a topic in which nothing ever happened: only headers are sent. */
export async function wait({ events }: Clients, signal?: AbortSignal): Promise<void> {
  const request = { topic: 'order.events', from: { $case: 'start', value: Start.START_BEGINNING } } as const;
  for await (const _ of events.subscribe(request, signal ? { signal } : {})) throw new Error('an event');
}
