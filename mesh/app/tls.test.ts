import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { get } from 'node:https';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { Status } from 'nice-grpc-common';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { MeshClient } from '../client/client-factory.ts';
import type { ServiceContract } from '../contract/contract.ts';
import { tlsFolder } from '../security/tls/testing/tls-folder.ts';
import { type EchoDefinition, echoService } from '../server/testing/echo-service.ts';
import { captureLog } from '../testing/captured-log.ts';
import { type Certificate, createTestCa, selfSigned } from '../testing/certificates.ts';
import { eventually } from '../testing/eventually.ts';
import { startMesh, type TestMesh } from '../testing/start-mesh.ts';
import { createClients, type ProgramClientOptions } from './program-clients.ts';
import { defineService } from './service/define-service.ts';

const ca = await createTestCa();
const contract = echoService().contract as unknown as ServiceContract<typeof EchoDefinition>;
const stranger = await createTestCa('other CA');
const own = selfSigned({ names: ['127.0.0.1'], isCa: false });

/** Answers, and calls the service `test` again for a name that starts with `via `. */
const echo = defineService({
  name: 'test',
  setup: ({ client }) => {
    const next = client(contract);
    const one = ({ name }: { name: string }) =>
      name.startsWith('via ') ? next.one({ name: name.slice(4) }) : Promise.resolve({ name });
    return { serves: [echoService({ one })] };
  },
});

/** Calls the service in another process, as which it serves nothing itself. */
const callers = new Map<string, MeshClient<typeof EchoDefinition>>();
const caller = (name: string) =>
  defineService({
    name,
    setup: ({ client }) => {
      callers.set(name, client(contract));
      return { serves: [] };
    },
  });

async function filesFor({ key, cert }: Certificate, authorities = ca.cert) {
  const folder = await tlsFolder({ TLS_CERT: cert, TLS_KEY: key, TLS_CA: authorities });
  return { folder, settings: folder.settings };
}

async function clientOf(address: string, tls: ProgramClientOptions['tls']) {
  const clients = await createClients(address, { tls, logLevel: 'silent' });
  onTestFinished(() => clients.close());
  return clients.client(contract, { retry: { maxAttempts: 1 } });
}

/** Starts the service `test` with this certificate until the test ends. */
async function startServer(certificate: Certificate) {
  const { folder, settings } = await filesFor(certificate, ca.cert + stranger.cert);
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const mesh = await startMesh([echo], { ...settings });
  onTestFinished(() => mesh.stop());
  return mesh;
}

/** Starts a process that calls the service `test` at an address, with the certificate of `own`. */
async function startCaller({ own, address }: { readonly own: string; readonly address: string }) {
  const { folder, settings } = await filesFor(ca.issueFor(own));
  const { logger, lines } = captureLog();
  const mesh = await startMesh([caller('order')], { ...settings, DISCOVERY_URL: `static:test=${address}` }, logger);
  onTestFinished(async () => {
    await mesh.stop();
    await folder[Symbol.asyncDispose]();
  });
  const call = () => callers.get('order')?.one({ name: 'Ada' }) ?? expect.fail('no caller');
  return { call, lines };
}

/** The serial number of the certificate that a listener shows now. */
async function serialNumberOf(address: string | undefined): Promise<string | undefined> {
  const [host = '', port] = address?.split(':') ?? [];
  const socket = connect({ host, port: Number(port), ca: ca.cert });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

describe('a process with TLS', () => {
  let mesh: TestMesh;
  let folder: Awaited<ReturnType<typeof tlsFolder>>;

  beforeAll(async () => {
    const files = await filesFor(ca.issueFor('test'));
    folder = files.folder;
    mesh = await startMesh([echo], { ...files.settings, METRICS_LISTEN: '127.0.0.1:0' });
  });
  afterAll(async () => {
    await mesh.stop();
    await folder[Symbol.asyncDispose]();
  });

  it('answers callers whose certificate an authority of TLS_CA has signed', async () => {
    const client = await clientOf(mesh.address, { ca: ca.cert, ...ca.issueFor('order') });
    expect(await client.one({ name: 'Ada' })).toMatchObject({ name: 'Ada' });
  });

  it('calls itself with its own certificate', async () => {
    const client = await clientOf(mesh.address, { ca: ca.cert, ...ca.issueFor('order') });
    expect(await client.one({ name: 'via Ada' })).toMatchObject({ name: 'Ada' });
  });

  it.each<[string, ProgramClientOptions['tls'], RegExp]>([
    ['without TLS', undefined, /if it accepts only TLS, connect with tls/],
    ['without a certificate', { ca: ca.cert }, /tls\.key and tls\.cert/],
    ['that do not trust its authority', { ca: stranger.cert }, /tls\.ca/],
  ])('is UNAVAILABLE for callers %s, with a text that says what to do', async (_, tls, advice) => {
    const client = await clientOf(mesh.address, tls);
    const expected = { code: Status.UNAVAILABLE, message: expect.stringMatching(advice) };
    await expect(client.one({ name: 'Ada' })).rejects.toMatchObject(expected);
  });

  it('serves metrics over HTTPS, on this machine without asking for a certificate', async () => {
    const url = `https://${mesh.metricsAddress}/metrics`;
    const scraped = await new Promise<string>((resolve, reject) => {
      get(url, { ca: ca.cert, agent: false }, (response) => resolve(text(response))).on('error', reject);
    });
    for (const use of ['own', 'ca'])
      expect(scraped).toMatch(
        new RegExp(`^ordermesh_tls_certificate_expiry_timestamp_seconds{use="${use}"} \\d{10}$`, 'm'),
      );
    await expect(fetch(`http://${mesh.metricsAddress}/metrics`)).rejects.toThrow();
  });

  it.each(['order', 'program/report'])('is called by a process whose certificate is that of %s', async (name) => {
    const { call } = await startCaller({ own: name, address: mesh.address });
    expect(await call()).toMatchObject({ name: 'Ada' });
  });

  it('uses files that are replaced while it runs, on both sides of its connections', async () => {
    const client = await clientOf(mesh.address, { ca: ca.cert, ...ca.issueFor('order') });
    expect(await client.one({ name: 'via Ada' })).toMatchObject({ name: 'Ada' });
    const { cert, key } = ca.issueFor('test');
    const serial = new X509Certificate(cert).serialNumber;
    await folder.write({ TLS_CERT: cert, TLS_KEY: key });
    await eventually(async () => expect(await serialNumberOf(mesh.metricsAddress)).toBe(serial));
    const later = await clientOf(mesh.address, { ca: ca.cert, ...ca.issueFor('order') });
    for (const each of [client, later]) expect(await each.one({ name: 'via Ada' })).toMatchObject({ name: 'Ada' });
  });
});

it('refuses a caller from when TLS_CRL has its certificate', async () => {
  const [server, revoked, other] = [ca.issueFor('test'), ca.issueFor('order'), ca.issueFor('payment')];
  await using folder = await tlsFolder({
    TLS_CERT: server.cert,
    TLS_KEY: server.key,
    TLS_CA: ca.cert,
    TLS_CRL: ca.revoke(),
  });
  const mesh = await startMesh([echo], { ...folder.settings });
  onTestFinished(() => mesh.stop());
  const [client, kept] = [
    await clientOf(mesh.address, { ca: ca.cert, ...revoked }),
    await clientOf(mesh.address, { ca: ca.cert, ...other }),
  ];
  expect(await client.one({ name: 'Ada' })).toMatchObject({ name: 'Ada' });
  await folder.write({ TLS_CRL: ca.revoke(revoked) });
  await eventually(() => expect(client.one({ name: 'Ada' })).rejects.toMatchObject({ code: Status.UNAVAILABLE }));
  expect(await kept.one({ name: 'via Ada' })).toMatchObject({ name: 'Ada' });
});

describe('a process with TLS and without TLS_CA', () => {
  it.each<[string, Certificate, string]>([
    ['an authority that nobody knows', ca.issue({ names: ['127.0.0.1'], uses: ['server'] }), ca.cert],
    ['itself', own, own.cert],
  ])('answers callers without certificate, and itself, with one signed by %s', async (_, { cert, key }, trusted) => {
    await using folder = await tlsFolder({ TLS_CERT: cert, TLS_KEY: key });
    const mesh = await startMesh([echo], { ...folder.settings });
    onTestFinished(() => mesh.stop());
    const client = await clientOf(mesh.address, { ca: trusted });
    expect(await client.one({ name: 'via Ada' })).toMatchObject({ name: 'Ada' });
  });
});

describe('a process with TLS that calls a service', () => {
  it.each(['test', 'gateway'])('accepts the certificate of %s', async (name) => {
    const { address } = await startServer(ca.issueFor(name));
    const { call } = await startCaller({ own: 'order', address });
    expect(await call()).toMatchObject({ name: 'Ada' });
  });

  it.each<[string, Certificate]>([
    ['an authority that it does not trust', stranger.issueFor('test')],
    ['no service', ca.issueFor('program/report')],
    ['another trust domain', ca.issue({ names: ['127.0.0.1'], uris: ['spiffe://evil/test'] })],
  ])('refuses the certificate of %s', async (_, certificate) => {
    const { address } = await startServer(certificate);
    const { call, lines } = await startCaller({ own: 'order', address });
    await expect(call()).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    await eventually(() => expect(JSON.stringify(lines)).toMatch(/cannot be reached/));
  });
});

describe('the TLS settings', () => {
  const { cert, key } = ca.issueFor('order');

  it('refuse a start with the certificate of a service that the process is not', async () => {
    await expect(startServer(ca.issueFor('order'))).rejects.toThrow(
      /^TLS_CERT names .*, whose certificate .* names the service order, which this process is not: use one of spiffe:.*test or spiffe:.*gateway$/,
    );
  });

  it.each<[string, Record<string, string>, string]>([
    ['a certificate without key', { TLS_CERT: 'cert.pem' }, 'TLS_CERT needs TLS_KEY'],
    ['a key without certificate', { TLS_KEY: 'key.pem' }, 'TLS_KEY needs TLS_CERT'],
    ['revoked certificates without authorities', { TLS_CRL: 'crl.pem' }, 'TLS_CRL needs TLS_CA'],
    ['callers with certificates without authorities', { TLS_CLIENTS: 'optional' }, 'TLS_CLIENTS needs TLS_CERT'],
    [
      'a file that does not exist',
      { TLS_CERT: 'absent.pem', TLS_KEY: 'k' },
      'TLS_CERT names absent.pem, which cannot be read',
    ],
  ])('refuse a start with %s', async (_, settings, problem) => {
    await expect(startMesh([], settings)).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringContaining(problem),
    });
  });

  it('refuse a template of another trust domain than that of the certificate', async () => {
    await using folder = await tlsFolder({ TLS_CERT: cert, TLS_KEY: key, TLS_CA: ca.cert });
    const template = 'spiffe://cluster.local/ns/shop/sa/<service>';
    await expect(startMesh([], { ...folder.settings, TLS_SERVICE_ID: template })).rejects.toThrow(
      'but TLS_CERT is of the trust domain ordermesh: use that',
    );
  });
});
