import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createChannel, createClient, createServer, waitForChannelReady } from '../index.ts';
import { texts } from '../testing/serve-texts.ts';
import { Texts } from '../testing/texts.ts';

describe('listen', () => {
  it('accepts a Unix socket', async () => {
    const address = `unix:${join(tmpdir(), `grpc-${process.pid}-${Date.now()}.sock`)}`;
    const server = createServer();
    server.add(Texts, texts);
    await server.listen(address);
    onTestFinished(() => server.forceShutdown());
    const channel = createChannel(address);
    onTestFinished(() => channel.close());
    await waitForChannelReady(channel, new Date(Date.now() + 5_000));
    expect(await createClient(Texts, channel).one({ text: 'x' })).toEqual({ text: 'x' });
    await expect(createServer().listen(address)).rejects.toThrow(/the file exists; remove it if no other server/);
  });

  it.each([
    ['unix:/no/dir/x', 'there is no folder /no/dir; create it or choose another path'],
    ['unix:/etc/passwd/x', 'there is no folder /etc/passwd; create it'],
    [`unix:${tmpdir()}`, 'it is a folder; choose a path in it'],
    // Even root may not create files there.
    ['unix:/proc/x', 'this user may not create files in /proc; permit it or choose another folder'],
  ])('says why it cannot use %s', async (address, text) => {
    await expect(createServer().listen(address)).rejects.toThrow(`cannot listen on ${address}: ${text}`);
  });
});
