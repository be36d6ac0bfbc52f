import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:tls';
import pg from 'pg';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { type ServerTrust, systemClock } from '#mesh';
import { createTestCa, type TestCa } from '#mesh/testing';
import { readConfig } from '../../mesh/config/config.ts';
import { createRegistryHttp } from '../../mesh/discovery/registry-http.ts';
import { createKafka } from '../../mesh/events/kafka/client/kafkajs.ts';
import { openProcessTls } from '../../mesh/security/tls/process-tls.ts';
import { openServerTrusts } from '../../mesh/security/tls/server-trusts.ts';
import { tlsFolder } from '../../mesh/security/tls/testing/tls-folder.ts';
import { urlSource } from '../../mesh/security/tokens/key-source.ts';
import { secured } from '../../mesh/storage/postgres/secured.ts';
import { openConnection } from '../../mesh/tasks/rabbitmq/connection/connection.ts';
import { captureLog } from '../../mesh/testing/captured-log.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { createTestClock } from '../../mesh/testing/test-clock.ts';
import { createSmtpMailer } from '../../services/notification/mail/smtp-mailer.ts';

/**
 * Opens a client, and returns what makes it connect once more. The server answers nothing, so that ends with an error.
 */
type OpenClient = (server: string, trust: ServerTrust) => () => unknown;

const { logger } = captureLog();

const registry: OpenClient = (server, tls) => {
  const http = createRegistryHttp({ server, registry: 'consul', tls });
  onTestFinished(() => http.close());
  return () => http.ask({ path: '/', timeoutMs: 2_000, signal: new AbortController().signal });
};

const keySet: OpenClient = (server, trust) => {
  const source = urlSource(`https://${server}/keys`, trust);
  return () => source.read();
};

const kafka: OpenClient = (server, trust) => {
  const client = createKafka([server], logger, { tls: true, trust });
  return async () => {
    const admin = client.admin({ retry: { retries: 0 } });
    await admin.connect().finally(() => admin.disconnect());
  };
};

/** It connects again by itself. */
const rabbitmq: OpenClient = (server, trust) => {
  const options = { purpose: 'publishing', trust, clock: systemClock, logger } as const;
  const opened = openConnection(`amqps://${server}`, options);
  onTestFinished(async () => (await opened).close());
  return () => undefined;
};

const mail: OpenClient = (server, trust) => {
  const mailer = createSmtpMailer(new URL(`smtps://${server}`), systemClock, { timeoutMs: 2_000, trust });
  onTestFinished(() => mailer.close());
  return () => mailer.send({ id: 'n1', to: 'ada@example.com', subject: 'Hello', text: 'Hello Ada' });
};

const postgres: OpenClient = (server, trust) => {
  const config = secured(`postgres://mesh@${server}/shop?sslmode=verify-full`, { trust });
  // The server has no step in clear text before.
  const pool = new pg.Pool({ ...config, sslnegotiation: 'direct' } as pg.PoolConfig);
  onTestFinished(() => pool.end());
  return () => pool.connect();
};

const clients: readonly (readonly [string, OpenClient, hasCertificate: boolean])[] = [
  ['PostgreSQL', postgres, true],
  ['Kafka', kafka, true],
  ['RabbitMQ', rabbitmq, true],
  ['mail', mail, true],
  ['registries', registry, true],
  // Its server is outside of the mesh.
  ['key sets', keySet, false],
];

/** A certificate authority and what it has signed. */
interface Generation {
  readonly ca: TestCa;
  readonly server: { readonly key: string; readonly cert: string };
  readonly client: { readonly key: string; readonly cert: string };
}

async function newGeneration(): Promise<Generation> {
  const ca = await createTestCa();
  return { ca, server: await ca.sign('localhost'), client: ca.issueFor('order') };
}

const serialOf = (cert: string) => new X509Certificate(cert).serialNumber;

const filesOf = ({ ca, client: { cert, key } }: Generation) => ({ TLS_CERT: cert, TLS_KEY: key, TLS_CA: ca.cert });

let server: Server;
let address: string;
/** Who has accepted the certificate of the server, and sent something: the serial numbers of both certificates. */
const believers: { readonly server: string | undefined; readonly client: string | undefined }[] = [];

function present({ ca, server: { key, cert } }: Generation): void {
  server.setSecureContext({ key, cert, ca: ca.cert });
}

beforeAll(async () => {
  server = createServer({ requestCert: true, rejectUnauthorized: false }, (socket) => {
    // Clients of mail wait for it.
    socket.on('error', () => undefined).write('220 ready\r\n');
    socket.once('data', () => {
      const client = socket.authorized ? socket.getPeerX509Certificate()?.serialNumber : undefined;
      believers.push({ server: socket.getX509Certificate()?.serialNumber, client });
      socket.destroy();
    });
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  address = `localhost:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

it.each(clients)('new connections to %s use the files that have replaced others', async (_, open, hasCertificate) => {
  const [first, second] = [await newGeneration(), await newGeneration()];
  await using folder = await tlsFolder(filesOf(first));
  const config = readConfig(folder.settings);
  const tools = { clock: createTestClock(Date.now()), logger };
  const tls = openProcessTls(config, { ...tools, gateway: 'gateway' });
  const trusts = openServerTrusts(config, tls, tools);
  onTestFinished(() => {
    tls?.close();
    trusts.close();
  });
  const trust = trusts.of(config.eventsCa);

  present(first);
  const connect = open(address, trust);
  const isSeen = (generation: Generation) =>
    eventually(async () => {
      await Promise.allSettled([connect()]);
      const expected = { server: serialOf(generation.server.cert), client: serialOf(generation.client.cert) };
      expect(believers).toContainEqual(hasCertificate ? expected : { ...expected, client: undefined });
    });
  await isSeen(first);

  await folder.write(filesOf(second));
  present(second);
  await eventually(() => {
    tools.clock.advance(1_000);
    expect(trust.ca).toBe(second.ca.cert);
  });
  await isSeen(second);
});
