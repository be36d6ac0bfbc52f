import { readFileSync } from 'node:fs';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { expect, it, vi } from 'vitest';
import { contractDescriptors } from '../contract/declared-services.ts';
import { anonymous } from '../identity/caller.ts';
import { eventually } from '../testing/eventually.ts';
import { systemClock as clock } from '../time/clock.ts';
import { TimerWheel } from '../time/timer-wheel.ts';
import { HttpCall } from './http-call.ts';
import { createMethodCalls } from './method-calls.ts';

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(contractDescriptors)));
const noClient = { client: (() => ({})) as never, has: () => false };
const methods = createMethodCalls({ registry, ...noClient });

function methodOf(service: string, name: string) {
  const method = registry.getService(service)?.methods.find((each) => each.name === name);
  if (method === undefined) throw new Error(`there is no ${service}/${name}`);
  return methods.methodOf(method);
}

it('ends streams that change nothing when the token of the caller expires, and cuts no change off', async () => {
  const timers = new TimerWheel();
  const called = (service: string, name: string) => {
    const call = new HttpCall({ headers: {}, peer: '127.0.0.1' }, { clock, timers });
    call.callMethod(methodOf(service, name), undefined);
    call.identified({ ...anonymous, subject: 'ada', expiresMs: clock.now() + 20 }, undefined);
    return call;
  };
  const changes = [
    called('payment.v1.AccountService', 'Deposit'),
    called('user.v1.UserService', 'ImportUsers'),
    called('ops.v1.ConsumerService', 'ReplayConsumer'),
  ];
  const stream = called('user.v1.UserService', 'ListUsers');
  await eventually(() => expect(stream.isOver).toBe(true));
  expect(stream.failure(undefined)).toMatchObject({ reason: 'TOKEN_EXPIRED' });
  expect(changes.map(({ isOver }) => isOver)).toEqual([false, false, false]);
});

it('ends the requests of a change when the token of the caller expires', async () => {
  const call = new HttpCall({ headers: {}, peer: '127.0.0.1' }, { clock, timers: new TimerWheel() });
  call.callMethod(methodOf('user.v1.UserService', 'ImportUsers'), undefined);
  call.identified({ ...anonymous, subject: 'ada', expiresMs: clock.now() + 20 }, undefined);
  async function* requests() {
    yield 'one';
    yield 'two';
    await new Promise(() => undefined);
  }
  expect(await Array.fromAsync(call.permitted(requests()))).toEqual(['one', 'two']);
});

it('a stream whose client left while its token was verified leaves no timer', () => {
  const timers = new TimerWheel();
  const after = vi.spyOn(timers, 'after');
  const begin = () => {
    const call = new HttpCall({ headers: {}, peer: '192.0.2.1' }, { clock, timers });
    call.callMethod(methodOf('user.v1.UserService', 'ListUsers'), undefined);
    return call;
  };
  const caller = { ...anonymous, subject: 'ada', expiresMs: clock.now() + 3_600_000 };
  const open = begin();
  open.identified(caller, undefined);
  open.close();
  expect(after).toHaveBeenCalledTimes(1);
  const left = begin();
  left.close();
  left.identified(caller, undefined);
  expect(after).toHaveBeenCalledTimes(1);
});
