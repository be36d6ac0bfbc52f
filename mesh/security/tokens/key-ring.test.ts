import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type CallScope, currentScope, runInScope } from '../../telemetry/call-scope.ts';
import { type CapturedLog, captureLog } from '../../testing/captured-log.ts';
import { eventually } from '../../testing/eventually.ts';
import { tempFolder } from '../../testing/temp-folder.ts';
import { createTestClock, type TestClock } from '../../testing/test-clock.ts';
import { type ServedKeys, serveKeys } from '../testing/served-keys.ts';
import { createTestIssuer, type TestIssuer } from '../testing/test-issuer.ts';
import { KeyRing } from './key-ring.ts';
import { fileSource, type KeySource, urlSource } from './key-source.ts';

let first: TestIssuer;
let second: TestIssuer;
beforeAll(async () => {
  [first, second] = await Promise.all([createTestIssuer(), createTestIssuer({ kid: 'key-2' })]);
});

const both = () => JSON.stringify({ keys: [first.jwk, second.jwk] });

function createRing(source: KeySource) {
  const [log, clock, removed] = [captureLog(), createTestClock(), { count: 0 }];
  const onRemoved = () => {
    removed.count += 1;
  };
  const ring = new KeyRing({ source, clock, logger: log.logger, onRemoved });
  onTestFinished(() => ring.close());
  return { ring, clock, log, removed };
}

const problems = ({ lines }: CapturedLog) => lines.filter(({ level }) => level === 'error');

/** Lets the next look come, and waits until it is over. */
async function look(clock: TestClock, byMs: number): Promise<void> {
  clock.advance(byMs);
  await eventually(() => expect(clock.pendingMs()).toHaveLength(1));
}

describe('keys at a URL', () => {
  it('are fetched once for all who wait, and for an unknown name once in 30 s', async () => {
    const keys = await serveKeys(first.keySet);
    const { ring, clock } = createRing(urlSource(keys.url));
    await Promise.all([ring.open(), ring.find('key-1'), ring.find('key-1')]);
    expect(keys.requests).toBe(1);
    for (let count = 0; count < 1_000; count += 1) expect(await ring.find(`invented-${count}`)).toBeUndefined();
    expect(keys.requests).toBe(1);
    keys.answer = both();
    clock.advance(30_000);
    const found = await Promise.all(Array.from({ length: 50 }, () => ring.find('key-2')));
    expect(found.every((key) => key?.alg === 'ES256')).toBe(true);
    expect(keys.requests).toBe(2);
  });

  it('are refreshed, and a key that is left out is gone', async () => {
    const keys = await serveKeys(both());
    const { ring, clock, removed } = createRing(urlSource(keys.url));
    await ring.open();
    await look(clock, 300_000);
    expect(removed.count).toBe(0);
    keys.answer = second.keySet;
    await look(clock, 300_000);
    expect(removed.count).toBe(1);
    expect(await ring.find('key-1')).toBeUndefined();
    expect(await ring.find('key-2')).toBeDefined();
  });

  it.each<[string, ServedKeys['answer'], string]>([
    ['garbage', '<html>sorry</html>', 'it is not JSON'],
    ['nothing', '', 'it is empty'],
    ['a failure', (_, response) => response.writeHead(500).end('{}'), 'HTTP 500'],
    ['a redirect', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), 'HTTP 302'],
    ['10 MB', (_, response) => response.end(' '.repeat(10_000_000)), 'more than 262144 bytes'],
    ['half an answer', (_, response) => response.write('{"keys":', () => response.destroy()), 'aborted'],
    ['no keys', '{"keys":[]}', 'it has no keys'],
  ])('that are answered with %s change nothing, with one line', async (_, answer, problem) => {
    const keys = await serveKeys(first.keySet);
    const { ring, clock, log } = createRing(urlSource(keys.url));
    await ring.open();
    keys.answer = answer;
    await look(clock, 300_000);
    for (let round = 0; round < 5; round += 1) await look(clock, 25_000);
    expect(await ring.find('key-1')).toBeDefined();
    expect(problems(log)).toMatchObject([{ msg: 'key set cannot be used; the last one stays' }]);
    expect(JSON.stringify(problems(log))).toContain(problem);
    keys.answer = both();
    await look(clock, 25_000);
    expect(log.lines.at(-1)).toMatchObject({ msg: 'key set usable again' });
  });

  it('that never come leave the start alone, and tokens unbelieved until they do', async () => {
    const keys = await serveKeys(() => undefined);
    const source: KeySource = { ...urlSource(keys.url), read: () => Promise.reject(new Error('no complete answer')) };
    const { ring, log } = createRing(source);
    await ring.open();
    await expect(ring.find('key-1')).rejects.toMatchObject({ reason: 'KEYS_UNAVAILABLE' });
    expect(problems(log)).toMatchObject([{ msg: 'key set cannot be used; no token is believed until it can' }]);
    const late = createRing(urlSource(keys.url));
    keys.answer = (_, response) => response.writeHead(503).end();
    await late.ring.open();
    keys.answer = first.keySet;
    await look(late.clock, 2_000);
    expect(await late.ring.find('key-1')).toBeDefined();
  });
});

describe('keys in a file', () => {
  it('are read again after a change, also by a rename', async () => {
    await using folder = await tempFolder();
    const file = join(folder.path, 'keys.json');
    await writeFile(file, first.keySet);
    const { ring, clock, removed, log } = createRing(fileSource(file));
    await ring.open();
    await writeFile(`${file}.new`, second.keySet);
    await rename(`${file}.new`, file);
    await look(clock, 1_000);
    expect(removed.count).toBe(1);
    expect(await ring.find('key-2')).toBeDefined();
    await writeFile(file, '');
    await look(clock, 1_000);
    expect(problems(log)).toHaveLength(1);
    expect(await ring.find('key-2')).toBeDefined();
  });

  it.each([
    ['is missing', undefined, 'ENOENT'],
    ['is empty', '', 'it is empty'],
    ['is too large', ' '.repeat(300_000), 'more than 262144 bytes'],
    ['has a private key', '{"keys":[{"kty":"EC","crv":"P-256","d":"AA"}]}', 'it is secret'],
  ])('stop a start if the file %s', async (_, text, problem) => {
    await using folder = await tempFolder();
    const file = join(folder.path, 'keys.json');
    if (text !== undefined) await writeFile(file, text);
    const { ring } = createRing(fileSource(file));
    await expect(ring.open()).rejects.toMatchObject({
      reason: 'KEY_SET_UNUSABLE',
      message: expect.stringContaining(problem),
    });
  });
});

it('keys are read outside of the call that looks for one', async () => {
  const scopes: unknown[] = [];
  const read = async () => {
    scopes.push(currentScope());
    return first.keySet;
  };
  const { ring, clock } = createRing({ name: 'test', isLocal: true, refreshMs: 1_000, unknownKeyMs: 10, read });
  await ring.open();
  clock.advance(10);
  const call: CallScope = { requestId: 'a', traceparent: '', deadlineMs: undefined, signal: undefined };
  await runInScope(call, () => ring.find('invented'));
  await look(clock, 1_000);
  expect(scopes).toEqual([undefined, undefined, undefined]);
});
