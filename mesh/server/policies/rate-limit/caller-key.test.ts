import { describe, expect, it } from 'vitest';
import { anonymous } from '../../../identity/caller.ts';
import { countedCaller, networkOf } from './caller-key.ts';

const ada = { service: undefined, subject: 'ada', roles: [] };
const far = '203.0.113.9:4711';

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

describe('networkOf', () => {
  it.each([
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['2001:db8:0:1:aaaa::1', '2001:db8:0:1'],
    ['2001:DB8:0:0001:bbbb:0:0:2', '2001:db8:0:1'],
    ['[2001:db8:0:1::9]', '2001:db8:0:1'],
    ['2001:db8::9', '2001:db8:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['::9', '0:0:0:0'],
  ])('of %s is %s', (host, network) => {
    expect(networkOf(host)).toBe(network);
  });

  it.each(['127.0.0.1', '127.9.9.9', '::ffff:127.0.0.1', '::1', '', 'unknown', '/run/socket'])(
    'of %j is none',
    (host) => {
      expect(networkOf(host)).toBeUndefined();
    },
  );
});
