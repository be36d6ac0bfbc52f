import { randomBytes } from 'node:crypto';
import { type Client, Metadata } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DeadLetterServiceContract } from '#gen/ops/v1/ops.contract.ts';
import type { DeadLetterServiceDefinition } from '#gen/ops/v1/ops.ts';
import { describeServicesOnEachDatabase, startMesh, type TestMesh } from '#mesh/testing';
import { opsService } from '../service.ts';
import { createStuckService, type StuckService } from '../testing/stuck-service.ts';

const payload = randomBytes(5 * 1024 * 1024);
const headers: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`header-${index}`, 'x'.repeat(1_000)])),
  'a-long-header': 'y'.repeat(100_000),
};
const asCall = (id: string) => ({ metadata: Metadata({ 'x-request-id': id }) });
const origin = 'order.events/stuck';

describeServicesOnEachDatabase('large dead letters', (settings) => {
  let mesh: TestMesh;
  let stuck: StuckService;
  let deadLetters: Client<DeadLetterServiceDefinition>;
  let small: string;
  let large: string;
  let withLargeHeaders: string;

  beforeAll(async () => {
    stuck = createStuckService();
    mesh = await startMesh([stuck.definition, opsService], settings());
    deadLetters = mesh.runtime.client(DeadLetterServiceContract);
    small = await stuck.addDeadEvent('small');
    large = await stuck.addDeadEvent('large', origin, { payload, error: 'é'.repeat(1_000_000) });
    withLargeHeaders = await stuck.addDeadEvent('with large headers', origin, { headers });
  });
  afterAll(() => mesh.stop());

  describe('ListDeadLetters', () => {
    it('returns the beginning of a payload and its size, and the others after it', async () => {
      const listed = await Array.fromAsync(deadLetters.listDeadLetters({}));
      expect(listed.map(({ id }) => id)).toEqual([small, large, withLargeHeaders]);
      expect(listed.map(({ payloadSize }) => payloadSize)).toEqual([2n, BigInt(payload.length), 2n]);
      expect(Buffer.from(listed[1]?.payload ?? [])).toEqual(payload.subarray(0, 4_096));
      expect(Buffer.byteLength(listed[1]?.error ?? '')).toBeLessThanOrEqual(4_096);
      expect(listed.map(({ headersOmitted }) => headersOmitted)).toEqual([false, false, true]);
      expect(listed[2]?.headers).toEqual({});
    });
  });

  describe('GetDeadLetter', () => {
    it('returns a payload that fits a message completely', async () => {
      const deadLetter = await deadLetters.getDeadLetter({ id: small });
      expect(deadLetter).toMatchObject({ payloadSize: 2n, headersOmitted: false });
      expect(Buffer.from(deadLetter.payload).toString()).toBe('{}');
    });

    it('returns a larger one in parts', async () => {
      const parts: Uint8Array[] = [];
      let offset = 0;
      for (;;) {
        const part = await deadLetters.getDeadLetter({ id: large, payloadOffset: BigInt(offset) });
        expect(part.payloadSize).toBe(BigInt(payload.length));
        if (part.payload.length === 0) break;
        parts.push(part.payload);
        offset += part.payload.length;
      }
      expect(parts).toHaveLength(2);
      expect(Buffer.concat(parts).equals(payload)).toBe(true);
    });

    it('returns the beginning of headers that are too large for a message', async () => {
      const deadLetter = await deadLetters.getDeadLetter({ id: withLargeHeaders });
      expect(deadLetter.headersOmitted).toBe(true);
      expect(deadLetter.headers['a-long-header']).toMatch(/^y{1000,1024}…$/);
      const others = Object.entries(deadLetter.headers).filter(([name]) => name.startsWith('header-'));
      expect(others.length).toBeGreaterThan(400);
      for (const [name, value] of others) expect(value).toBe(headers[name]);
      expect(Buffer.byteLength(JSON.stringify(deadLetter.headers))).toBeLessThan(600_000);
    });

    it('returns one that was closed, with its closing', async () => {
      const id = await stuck.addDeadEvent('closed');
      await deadLetters.discardDeadLetters({ ids: [id], note: 'a test order' }, asCall('call-1'));
      await expect(deadLetters.getDeadLetter({ id })).resolves.toMatchObject({
        id,
        closing: { outcome: 2, note: 'a test order', time: expect.any(Date), requestId: 'call-1' },
      });
      const again = await deadLetters.redriveDeadLetters({ ids: [id], dryRun: true });
      expect(again).toMatchObject({ redrivenIds: [], missingIds: [id] });
    });
  });

  it('are redriven by a filter', async () => {
    stuck.healed = true;
    const redriven = await deadLetters.redriveDeadLetters({ filter: { origin } });
    expect(redriven.redrivenIds).toEqual([small, large, withLargeHeaders]);
    expect(stuck.handledHeaders.at(-1)).toEqual(headers);
  });
});
