import { Status } from 'nice-grpc-common';
import { expect, it } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { callOf, jsonMethod, serveWithin } from './testing/within.ts';

const unary = jsonMethod<string>('unary');
const streaming = jsonMethod<string>('server-streaming');

/** Serves a method that answers when it is let. */
async function serveSlowly() {
  const answers: (() => void)[] = [];
  const served = await serveWithin<string>({
    handler: {
      kind: 'unary',
      handle: (read) => new Promise((resolve) => answers.push(() => resolve(read()))),
    },
  });
  return { ...served, answers };
}

it('finishes open calls while it drains, then refuses further ones unsent', async () => {
  const { host, transport, answers } = await serveSlowly();
  const open = transport.unary(unary, 'open', callOf());
  await eventually(() => expect(answers).toHaveLength(1));
  const drained = host.drain(10_000);
  answers[0]?.();
  expect(await open).toBe('open');
  await drained;
  await expect(transport.unary(unary, 'late', callOf())).rejects.toMatchObject({
    code: Status.UNAVAILABLE,
    unsent: true,
  });
});

it('lets a call that came over a connection make others of the process while it drains', async () => {
  const { engine, host, address, transport, answers } = await serveSlowly();
  const wire = engine.connect(address);
  const open = wire.unary(unary, 'over the wire', callOf());
  await eventually(() => expect(answers).toHaveLength(1));
  const drained = host.drain(10_000);
  const within = transport.unary(unary, 'within', callOf());
  await eventually(() => expect(answers).toHaveLength(2));
  for (const answer of answers) answer();
  expect(await Promise.all([open, within])).toEqual(['over the wire', 'within']);
  wire.close();
  await drained;
});

it('ends open calls after the grace of a drain, as lost', async () => {
  const { host, transport, answers } = await serveSlowly();
  const open = expect(transport.unary(unary, 'open', callOf())).rejects.toMatchObject({
    code: Status.UNAVAILABLE,
    lost: true,
  });
  await eventually(() => expect(answers).toHaveLength(1));
  await host.drain(20);
  await open;
});

it('ends streams without an end as soon as it drains, if their callers ask for it, and begins no more of them', async () => {
  let begun = 0;
  const { host, transport } = await serveWithin<string>({
    handler: {
      kind: 'server-streaming',
      async *handle(_, { signal }) {
        begun += 1;
        yield 'first';
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      },
    },
  });
  const start = (endsAtGoaway: boolean) =>
    transport.serverStreaming(streaming, '', callOf({ endsAtGoaway }))[Symbol.asyncIterator]();
  const watch = start(true);
  const open = start(false);
  expect(await open.next()).toEqual({ value: 'first', done: false });
  expect(await watch.next()).toEqual({ value: 'first', done: false });
  const drained = host.drain(10_000);
  await expect(watch.next()).rejects.toMatchObject({ code: Status.UNAVAILABLE });
  await expect(start(true).next()).rejects.toMatchObject({ code: Status.UNAVAILABLE, unsent: true });
  expect(begun).toBe(2);
  await open.return?.();
  await drained;
});
