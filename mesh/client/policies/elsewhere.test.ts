import { Metadata, Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import type { CallOutcome, PickedEndpoint } from '../../balancing/balancer.ts';
import type { Transport } from '../../engines/engine.ts';
import { TransportError } from '../../engines/transport-error.ts';
import { encodeStatusDetails, statusDetailsKey } from '../../errors/status-details.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { asCallError, type CallError } from '../call-error.ts';
import { elsewhereIfUnsent, isLostElsewhere, type Route } from './elsewhere.ts';

const path = '/user.v1.UserService/CreateUser';
const failed = (fate?: 'unsent' | 'lost') => new TransportError(path, Status.UNAVAILABLE, 'failed', Metadata(), fate);
const unimplemented = (trailer = Metadata()) =>
  new TransportError(path, Status.UNIMPLEMENTED, 'no such method', trailer, 'unimplemented');

/** The trailer of a server that gives a reason. */
function trailerWith(code: Status, reason: string) {
  const details = { reason, metadata: {}, violations: [], retryAfterMs: undefined };
  return Metadata().set(statusDetailsKey, encodeStatusDetails(code, '', details));
}

/** A call to a service with these endpoints, which fail it with these errors. */
function callTo(
  errors: Readonly<Record<string, Error | undefined>>,
  requests?: Route['requests'],
  { isStream = false, isHurried = false } = {},
) {
  const ends: [address: string, outcome: CallOutcome][] = [];
  const missed: string[] = [];
  const addresses = Object.keys(errors);
  const pick = (tried: ReadonlySet<string> = new Set()): PickedEndpoint => {
    const left = addresses.filter((address) => !tried.has(address));
    const [address = addresses[0] ?? ''] = left;
    return {
      address,
      transport: {} as Transport,
      hasOthers: left.length > 1,
      end: (outcome) => void ends.push([address, outcome]),
      hold: () => () => undefined,
      misses: () => void missed.push(address),
    };
  };
  const call = {
    metadata: Metadata(),
    deadlineMs: undefined,
    signal: undefined,
    isHurried,
    maxOpenings: undefined,
  };
  const clock = createTestClock();
  const found = () => undefined;
  const route: Route = {
    pick,
    found,
    path,
    call,
    isStream,
    clock,
    tried: undefined,
    hasElsewhere: false,
    requests,
  };
  const openings: (number | undefined)[] = [];
  const attempt = () =>
    elsewhereIfUnsent(route, async ({ address }) => {
      openings.push(route.call.maxOpenings);
      const error = errors[address];
      if (error) throw error;
      return address;
    });
  return { attempt, route, ends, missed, openings };
}

describe('an endpoint', () => {
  const late = new TransportError(path, Status.DEADLINE_EXCEEDED, 'late', Metadata());
  const large = new TransportError(path, Status.RESOURCE_EXHAUSTED, 'large', Metadata(), 'too-large');
  const refused = new TransportError(path, Status.RESOURCE_EXHAUSTED, 'overloaded', Metadata());
  const trailer = trailerWith(Status.RESOURCE_EXHAUSTED, 'TOO_MANY_TOKENS');
  const limited = new TransportError(path, Status.RESOURCE_EXHAUSTED, 'limited', trailer);

  it.each([
    ['a call is late', late, { isStream: false, isHurried: true }, 'late'],
    ['a stream is late', late, { isStream: true, isHurried: false }, 'late'],
    ['a stream was silent for as long as its caller waited', late, { isStream: true, isHurried: true }, 'cancelled'],
    ['a response is too large', large, { isStream: false, isHurried: false }, 'answered'],
    ['a call is refused', refused, { isStream: false, isHurried: false }, 'overloaded'],
    ['a caller is limited', limited, { isStream: false, isHurried: false }, 'limited'],
  ])('learns how a call ended: %s', async (_, error, { isStream, isHurried }, outcome) => {
    const { attempt, ends } = callTo({ a: error }, undefined, { isStream, isHurried });
    await expect(attempt()).rejects.toMatchObject({ cause: error });
    expect(ends).toEqual([['a', outcome]]);
  });
});

describe('a call that an endpoint did not take', () => {
  it('goes to another one, and each is opened once while there is another', async () => {
    const { attempt, ends, openings } = callTo({ a: failed('unsent'), b: undefined });
    expect(await attempt()).toBe('b');
    expect(ends).toEqual([
      ['a', 'unsent'],
      ['b', 'answered'],
    ]);
    expect(openings).toEqual([1, undefined]);
  });

  it('goes to three at most, and fails as the last one did', async () => {
    const last = failed('unsent');
    const { attempt, ends } = callTo({ a: failed('unsent'), b: failed('unsent'), c: last, d: undefined });
    await expect(attempt()).rejects.toMatchObject({ code: Status.UNAVAILABLE, cause: last });
    expect(ends.map(([address]) => address)).toEqual(['a', 'b', 'c']);
  });

  it('fails if there is no other endpoint', async () => {
    const { attempt, ends } = callTo({ a: failed('unsent') });
    await expect(attempt()).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(ends).toHaveLength(1);
  });

  it('fails if more of its requests were read than are kept', async () => {
    const { attempt, ends } = callTo({ a: failed('unsent'), b: undefined }, { canRewind: false });
    await expect(attempt()).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(ends).toHaveLength(1);
  });

  it('goes to another one if the first has an older contract, which is reported', async () => {
    const { attempt, missed, ends } = callTo({
      old: unimplemented(trailerWith(Status.UNIMPLEMENTED, 'UNKNOWN_METHOD')),
      b: undefined,
    });
    expect(await attempt()).toBe('b');
    expect(missed).toEqual(['old']);
    expect(ends[0]).toEqual(['old', 'unimplemented']);
  });

  it('goes to another one if the first is another server, which gives no reason', async () => {
    const { attempt, missed } = callTo({ old: unimplemented(), b: undefined });
    expect(await attempt()).toBe('b');
    expect(missed).toEqual(['old']);
  });

  it('fails if a handler says why it does not implement it', async () => {
    const attempt = callTo({
      a: unimplemented(trailerWith(Status.UNIMPLEMENTED, 'NOT_OFFERED')),
      b: undefined,
    }).attempt();
    await expect(attempt).rejects.toMatchObject({ reason: 'NOT_OFFERED' });
  });

  it('fails if its response was wrong, which is UNIMPLEMENTED too', async () => {
    const wrong = new TransportError(
      path,
      Status.UNIMPLEMENTED,
      'the server returned OK without a message',
      Metadata(),
    );
    const { attempt, ends } = callTo({ a: wrong, b: undefined });
    await expect(attempt()).rejects.toMatchObject({ cause: wrong });
    expect(ends).toHaveLength(1);
  });
});

describe('a call that an endpoint took', () => {
  it('does not go elsewhere, but its retry does', async () => {
    const { attempt, ends } = callTo({ a: failed(), b: undefined });
    await expect(attempt()).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(ends).toEqual([['a', 'server-fault']]);
    expect(await attempt()).toBe('b');
  });

  it('concerns no retry budget if it was lost while there is another endpoint', async () => {
    const errorOf = async ({ attempt, route }: ReturnType<typeof callTo>) => {
      const error = asCallError(await attempt().catch((cause: unknown) => cause), path);
      return isLostElsewhere(route, error as CallError);
    };
    expect(await errorOf(callTo({ a: failed('lost'), b: undefined }))).toBe(true);
    expect(await errorOf(callTo({ a: failed('lost') }))).toBe(false);
    expect(await errorOf(callTo({ a: failed(), b: undefined }))).toBe(false);
  });
});
