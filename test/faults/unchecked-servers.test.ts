import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createServiceClient, systemClock } from '#mesh';
import { createRegistryHttp } from '../../mesh/discovery/registry-http.ts';
import { grpcJsEngine } from '../../mesh/engines/grpc-js/engine.ts';
import { nativeEngine } from '../../mesh/engines/native/engine.ts';
import { callOnce } from '../../mesh/engines/suite/tls/tls-host.ts';
import { createKafka } from '../../mesh/events/kafka/client/kafkajs.ts';
import { fetchText } from '../../mesh/security/tokens/fetch-text.ts';
import { secured } from '../../mesh/storage/postgres/secured.ts';
import { openConnection } from '../../mesh/tasks/rabbitmq/connection/connection.ts';
import { captureLog } from '../../mesh/testing/captured-log.ts';
import { selfSigned } from '../../mesh/testing/certificates.ts';
import { createSmtpMailer } from '../../services/notification/mail/smtp-mailer.ts';

/** Reaches the server, whose certificate nobody knows. Rejects or throws, since no client may use it. */
type Use = (address: string) => Promise<unknown>;

const { logger } = captureLog();
const mail = { id: 'n1', to: 'ada@example.com', subject: 'Hello', text: 'Hello Ada' };

async function useRegistry(server: string): Promise<unknown> {
  const registry = createRegistryHttp({ server, registry: 'consul', tls: {} });
  return await registry
    .ask({ path: '/', timeoutMs: 2_000, signal: new AbortController().signal })
    .finally(() => registry.close());
}

async function useRest(server: string): Promise<unknown> {
  await using client = createServiceClient(`https://${server}`, { timeoutMs: 2_000 });
  return await client.get('/users');
}

async function useRabbitmq(server: string): Promise<never> {
  const options = { purpose: 'publishing', clock: systemClock, logger } as const;
  const connection = await openConnection(`amqps://${server}`, options);
  const failure = connection.failure();
  await connection.close();
  throw failure;
}

async function useKafka(server: string): Promise<unknown> {
  const admin = createKafka([server], logger, { tls: true }).admin({ retry: { retries: 0 } });
  return await admin.connect().finally(() => admin.disconnect());
}

async function useMail(server: string): Promise<unknown> {
  const mailer = createSmtpMailer(new URL(`smtps://${server}`), systemClock, { timeoutMs: 2_000 });
  return await mailer.send(mail).finally(() => mailer.close());
}

const clients: readonly (readonly [string, Use])[] = [
  ['the native engine', (server) => callOnce(nativeEngine, server, {})],
  ['grpc-js', (server) => callOnce(grpcJsEngine, server, {})],
  ['the key set', (server) => fetchText(`https://${server}`, { timeoutMs: 2_000, maxBytes: 100 })],
  ['registries', useRegistry],
  ['REST', useRest],
  ['RabbitMQ', useRabbitmq],
  ['Kafka', useKafka],
  ['mail', useMail],
];

describe('with NODE_TLS_REJECT_UNAUTHORIZED=0', () => {
  let server: Server;
  let address: string;
  let bytes = 0;
  beforeAll(async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const own = selfSigned({ names: ['localhost', '127.0.0.1'] });
    server = createServer({ ...own, ALPNProtocols: ['h2', 'http/1.1'] }, (socket) => {
      socket
        .on('error', () => undefined)
        .on('data', (chunk) => {
          bytes += chunk.length;
          socket.destroy();
        });
    });
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    address = `localhost:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    server.close();
  });

  it.each(clients)('the client of %s sends nothing to a server that proves nothing', async (_, use) => {
    bytes = 0;
    await expect(use(address)).rejects.toThrow();
    expect(bytes).toBe(0);
  });

  it.each(['', '&application_name=x'])('connections to PostgreSQL check its certificate%s', (more) => {
    const { ssl } = secured(`postgres://db/mesh?sslmode=verify-full${more}`);
    expect(ssl).toMatchObject({ rejectUnauthorized: true });
  });
});
