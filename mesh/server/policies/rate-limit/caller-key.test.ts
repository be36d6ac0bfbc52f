import { describe, expect, it } from 'vitest';
import { anonymous, type Caller } from '../../../identity/caller.ts';
import { countedCaller as counted } from './caller-key.ts';

const ada = { service: undefined, subject: 'ada', roles: [] };
const far = '203.0.113.9:4711';

const countedCaller = (caller: Caller | undefined, peer: string, peerService?: string) =>
  counted({ caller, peer, credentials: { peerService } });

describe('countedCaller', () => {
  it('is the subject, wherever and through whichever service it calls', () => {
    const key = countedCaller(ada, far);
    expect(key).toMatchObject({ by: 'subject' });
    expect(countedCaller({ ...ada, service: 'edge' }, '127.0.0.1:1')).toEqual(key);
    expect(countedCaller({ ...ada, subject: 'bob' }, far)).not.toEqual(key);
  });

  it('is the service without a subject', () => {
    const order = { ...anonymous, service: 'order' };
    expect(countedCaller(order, far)).toMatchObject({ by: 'service' });
    expect(countedCaller(order, far)?.key).not.toBe(countedCaller({ ...ada, subject: 'order' }, far)?.key);
  });

  it.each(['edge', 'gateway'])('is nobody for what the %s passes on without a subject', (service) => {
    expect(countedCaller({ ...anonymous, service }, far)).toBeUndefined();
  });

  it('is nobody for what a door has counted, also where only its certificate proves it', () => {
    expect(countedCaller({ ...anonymous, isPassedOn: true }, far)).toBeUndefined();
    expect(countedCaller(undefined, far, 'gateway')).toBeUndefined();
    expect(countedCaller(undefined, far, 'order')).toMatchObject({ by: 'address' });
    expect(countedCaller({ ...ada, isPassedOn: true }, far)).toMatchObject({ by: 'subject' });
  });

  it.each([undefined, anonymous])('is the address of a peer of whom nothing else is known (%j)', (caller) => {
    expect(countedCaller(caller, far)).toEqual({ by: 'address', key: 'a203.0.113.9' });
    expect(countedCaller(caller, '127.0.0.1:4711')).toBeUndefined();
    expect(countedCaller(caller, '::1:4711')).toBeUndefined();
    expect(countedCaller(caller, 'unknown')).toBeUndefined();
  });

  it('has a short key for a long subject', () => {
    const [one, other] = ['a', 'b'].map((end) => countedCaller({ ...ada, subject: 'x'.repeat(8_000) + end }, far)?.key);
    expect(one?.length).toBeLessThan(130);
    expect(one).not.toBe(other);
  });
});
