import { describe, expect, it } from 'vitest';
import { instancesOf } from './slices.ts';

/** An endpoint of a slice. */
const pod = (address: string, conditions: object = {}) => ({ addresses: [address], conditions });

const slice = (endpoints: readonly object[] | null, other: object = {}) => ({
  addressType: 'IPv4',
  ports: [{ name: 'grpc', port: 50051, protocol: 'TCP' }],
  endpoints,
  ...other,
});

const found = (...slices: readonly object[]) =>
  instancesOf(slices).map(({ address, state }) => (state === 'ready' ? address : `${address} ${state}`));

describe('the instances in EndpointSlices', () => {
  it('are the pods of all slices, at the port named grpc or the only one', () => {
    const ports = [
      { name: 'metrics', port: 1 },
      { name: 'grpc', port: 2 },
    ];
    expect(
      found(
        slice([pod('10.0.0.1'), pod('10.0.0.2')]),
        slice(null),
        slice([pod('10.0.0.3')], { ports: [{ name: '', port: 9000 }] }),
        slice([pod('10.0.0.4')], { ports }),
      ),
    ).toEqual(['10.0.0.1:50051', '10.0.0.2:50051', '10.0.0.3:9000', '10.0.0.4:2']);
  });

  it('have their IPv4 address, or that of IPv6 if there is no other', () => {
    const v6 = slice([pod('fd00::1')], { addressType: 'IPv6' });
    expect(found(v6, slice([pod('10.0.0.1')]))).toEqual(['10.0.0.1:50051']);
    expect(found(slice([]), v6)).toEqual(['[fd00::1]:50051']);
  });

  it('are ready, or terminate and still serve', () => {
    expect(
      found(
        slice([
          pod('10.0.0.1'),
          pod('10.0.0.2', { ready: true, serving: null }),
          pod('10.0.0.3', { ready: false }),
          pod('10.0.0.4', { ready: false, serving: true, terminating: true }),
          pod('10.0.0.5', { ready: false, serving: false, terminating: true }),
          // Of a Service that publishes addresses that are not ready.
          pod('10.0.0.6', { ready: true, serving: true, terminating: true }),
        ]),
      ),
    ).toEqual(['10.0.0.1:50051', '10.0.0.2:50051', '10.0.0.4:50051 draining', '10.0.0.6:50051 draining']);
  });
});
