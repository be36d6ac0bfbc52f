import { describe, expect, it } from 'vitest';
import { Status as RpcStatus } from '../../gen/ts/google/rpc/status.ts';
import { decodeStatusDetails, encodeStatusDetails } from './status-details.ts';

const plain = { reason: 'USER_NOT_FOUND', metadata: { id: 'u1' }, violations: [], retryAfterMs: undefined };

describe('status details', () => {
  it('come back as they were packed', () => {
    const details = {
      ...plain,
      violations: [{ field: 'user.name', description: 'must not be empty' }],
      retryAfterMs: 1_250,
    };
    expect(decodeStatusDetails(encodeStatusDetails(5, 'no user', details))).toEqual(details);
  });

  it('repeat code and message, as gRPC libraries require', () => {
    expect(RpcStatus.decode(encodeStatusDetails(5, 'no user', plain))).toMatchObject({ code: 5, message: 'no user' });
  });

  it('contain only ErrorInfo if there are no other details', () => {
    const { details } = RpcStatus.decode(encodeStatusDetails(5, 'no user', plain));
    expect(details.map((detail) => detail.typeUrl)).toEqual(['type.googleapis.com/google.rpc.ErrorInfo']);
  });

  it('are empty when the peer sent something unreadable', () => {
    const empty = { reason: '', metadata: {}, violations: [], retryAfterMs: undefined };
    expect(decodeStatusDetails(Uint8Array.of(0xff, 0xff, 0xff))).toEqual(empty);
  });

  it('leave out details of a kind that is not known', () => {
    const details = [{ typeUrl: 'type.googleapis.com/google.rpc.Help', value: Uint8Array.of(0xff) }];
    const bytes = RpcStatus.encode({ code: 5, message: '', details }).finish();
    expect(decodeStatusDetails(bytes).reason).toBe('');
  });
});
