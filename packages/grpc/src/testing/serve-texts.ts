import { onTestFinished } from 'vitest';
import {
  type Channel,
  type ChannelOptions,
  type Client,
  createChannel,
  createClient,
  createServer,
  type Server,
  type ServiceImplementation,
} from '../index.ts';
import { Texts } from './texts.ts';

/** Handlers that return what they get, or an empty text. */
export const texts: ServiceImplementation<typeof Texts> = {
  one: async ({ text }) => ({ text }),
  async *many({ text }) {
    yield { text };
  },
  join: async () => ({ text: '' }),
  async *echo() {
    yield { text: '' };
  },
};

/** Serves `texts`, with other handlers for some methods, until the test is finished. */
export async function serveTexts(
  own: Partial<ServiceImplementation<typeof Texts>> = {},
  options?: ChannelOptions,
): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer(options);
  server.add(Texts, { ...texts, ...own });
  const port = await server.listen('127.0.0.1:0');
  onTestFinished(() => server.forceShutdown());
  return { server, port };
}

/** A channel to a port, until the test is finished. */
export function channelTo(port: number, options?: ChannelOptions): Channel {
  const channel = createChannel(`127.0.0.1:${port}`, undefined, options);
  onTestFinished(() => channel.close());
  return channel;
}

/** A client of `serveTexts`. */
export function textsAt(port: number, options?: ChannelOptions): Client<typeof Texts> {
  return createClient(Texts, channelTo(port, options));
}
