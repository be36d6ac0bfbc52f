import { describe, expect, it, onTestFinished } from 'vitest';
import { type Certificate, createTestCa, type TestCa } from '../../../../mesh/testing/certificates.ts';
import { eventually } from '../../../../mesh/testing/eventually.ts';
import {
  ChannelCredentials,
  createChannel,
  createClient,
  createServer,
  ReplaceableIdentity,
  ServerCredentials,
} from '../index.ts';
import { Texts } from '../testing/texts.ts';

async function serve(credentials: ServerCredentials): Promise<string> {
  const server = createServer();
  server.add({ one: Texts.one }, { one: async ({ text }) => ({ text }) });
  const port = await server.listen('127.0.0.1:0', credentials);
  onTestFinished(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

function call(address: string, credentials?: ChannelCredentials) {
  const channel = createChannel(address, credentials);
  onTestFinished(() => channel.close());
  return createClient({ one: Texts.one }, channel).one({ text: 'x' });
}

function pairOf({ key, cert }: Certificate) {
  return { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) };
}

function materialOf(ca: TestCa, { key, cert }: Certificate) {
  return { key, cert, ca: ca.cert };
}

describe('credentials', () => {
  it('encrypt, and refuse a server that no CA of the client has signed', async () => {
    const ca = await createTestCa();
    const address = await serve(ServerCredentials.createSsl(null, [pairOf(await ca.sign('127.0.0.1'))]));
    expect(await call(address, ChannelCredentials.createSsl(Buffer.from(ca.cert)))).toEqual({ text: 'x' });
    await expect(call(address, ChannelCredentials.createSsl())).rejects.toThrow(
      /UNAVAILABLE: .*pass the CA that signed its certificate: ChannelCredentials.createSsl\(ca\)$/,
    );
    await expect(call(address)).rejects.toThrow(
      /UNAVAILABLE: .*if it accepts only TLS, pass ChannelCredentials.createSsl\(ca\)$/,
    );
  });

  it('refuse a server with another name, and one without TLS', async () => {
    const ca = await createTestCa();
    const trusting = ChannelCredentials.createSsl(Buffer.from(ca.cert));
    const other = await serve(ServerCredentials.createSsl(null, [pairOf(await ca.sign('orders.internal'))]));
    await expect(call(other, trusting)).rejects.toThrow(/UNAVAILABLE: .*or set grpc.ssl_target_name_override to one$/);
    const plain = await serve(ServerCredentials.createInsecure());
    await expect(call(plain, trusting)).rejects.toThrow(/UNAVAILABLE: .*; pass ChannelCredentials.createInsecure\(\)/);
  });

  it('demand certificates of clients', async () => {
    const ca = await createTestCa();
    const roots = Buffer.from(ca.cert);
    const address = await serve(ServerCredentials.createSsl(roots, [pairOf(await ca.sign('127.0.0.1'))], true));
    const { private_key, cert_chain } = pairOf(await ca.sign('client'));
    expect(await call(address, ChannelCredentials.createSsl(roots, private_key, cert_chain))).toEqual({ text: 'x' });
    await expect(call(address, ChannelCredentials.createSsl(roots))).rejects.toThrow(
      /UNAVAILABLE: .* pass a key and certificate that its CA has signed: ChannelCredentials.createSsl\(ca, key, cert\)$/,
    );
  });

  it('can be replaced while a server runs, and keep what was before if they cannot be used', async () => {
    const [old, next] = [await createTestCa('old'), await createTestCa('next')];
    const identity = new ReplaceableIdentity(materialOf(old, await old.sign('127.0.0.1')));
    const address = await serve(ServerCredentials.createFromIdentity(identity));
    const trust = ({ cert }: TestCa) => ChannelCredentials.createSsl(Buffer.from(cert));
    expect(await call(address, trust(old))).toEqual({ text: 'x' });
    expect(() => identity.replace({ key: 'none', cert: 'none', ca: '' })).toThrow('cannot be used');
    expect(await call(address, trust(old))).toEqual({ text: 'x' });
    identity.replace(materialOf(next, await next.sign('127.0.0.1')));
    await eventually(async () => expect(await call(address, trust(next))).toEqual({ text: 'x' }));
    await expect(call(address, trust(old))).rejects.toThrow('UNAVAILABLE');
  });

  it('refuse a key without a certificate', () => {
    expect(() => ChannelCredentials.createSsl(null, Buffer.from('key'))).toThrow('a private key needs');
    expect(() => ServerCredentials.createSsl(null, [])).toThrow('pass exactly one');
  });
});
