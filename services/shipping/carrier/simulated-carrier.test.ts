import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStorage, type Storage } from '#mesh';
import { type TempFolder, tempFolder } from '#mesh/testing';
import type { Carrier } from './carrier.ts';
import { openEmbeddedCarrier } from './embedded-carrier.ts';
import { createHttpCarrier } from './http-carrier.ts';
import { startSimulatedCarrier } from './simulated-carrier.ts';

const address = { recipient: 'Ada', lines: ['1 Main St'], city: 'Berlin', postalCode: '10115', countryCode: 'DE' };
const { signal } = new AbortController();

interface Simulated {
  readonly carrier: Carrier;
  readonly liveShipments: () => Promise<readonly string[]>;
  close(): Promise<void>;
}

async function inProcess(storage: Storage): Promise<Simulated> {
  const carrier = await openEmbeddedCarrier(storage);
  return { carrier, liveShipments: carrier.liveShipments, close: async () => carrier.close() };
}

async function overHttp(storage: Storage): Promise<Simulated> {
  const server = await startSimulatedCarrier(storage);
  const carrier = createHttpCarrier(server.url);
  return {
    carrier,
    liveShipments: server.liveShipments,
    async close() {
      carrier.close();
      await server.close();
    },
  };
}

describe.each([inProcess, overHttp])('the simulated carrier: %o', (open) => {
  let folder: TempFolder;
  let storage: Storage;
  let simulated: Simulated;
  let carrier: Carrier;

  beforeAll(async () => {
    folder = await tempFolder();
    storage = await openStorage(`sqlite:${join(folder.path, 'carrier.db')}`);
    simulated = await open(storage);
    carrier = simulated.carrier;
  });
  afterAll(async () => {
    await simulated.close();
    await storage.close();
    await folder[Symbol.asyncDispose]();
  });

  it('accepts a reference once and returns the same answer each time', async () => {
    const first = await carrier.book({ reference: 'order-1', address }, signal);
    expect(first).toEqual({ taken: true, carrier: 'simulated', trackingNumber: 'SIM-ORDER1' });
    await expect(carrier.book({ reference: 'order-1', address }, signal)).resolves.toEqual(first);
    expect(await simulated.liveShipments()).toEqual(['order-1']);
  });

  it('shows what it has under a reference', async () => {
    const booked = await carrier.book({ reference: 'order-shown', address }, signal);
    await expect(carrier.find('order-shown', signal)).resolves.toEqual(booked);
    await carrier.cancel('order-shown', signal);
    const refusal = 'this reference was cancelled';
    await expect(carrier.find('order-shown', signal)).resolves.toEqual({ taken: false, refusal });
    await expect(carrier.find('order-never-seen', signal)).resolves.toBeUndefined();
  });

  it.each(['AQ', 'BV', 'HM'])('refuses %s', async (countryCode) => {
    const booking = { reference: `to-${countryCode}`, address: { ...address, countryCode } };
    await expect(carrier.book(booking, signal)).resolves.toEqual({
      taken: false,
      refusal: `no delivery to ${countryCode}`,
    });
    expect(await simulated.liveShipments()).not.toContain(booking.reference);
  });

  it('refuses a cancelled reference, even if it was cancelled before it was booked', async () => {
    await carrier.book({ reference: 'booked', address }, signal);
    for (const reference of ['booked', 'never-booked']) {
      await carrier.cancel(reference, signal);
      expect(await simulated.liveShipments()).not.toContain(reference);
      const refused = { taken: false, refusal: 'this reference was cancelled' };
      await expect(carrier.book({ reference, address }, signal)).resolves.toEqual(refused);
    }
  });

  it('books nothing for a caller that has gone, and is UNAVAILABLE to it', async () => {
    const gone = AbortSignal.abort();
    const reason = 'CARRIER_UNAVAILABLE';
    await expect(carrier.book({ reference: 'too-late', address }, gone)).rejects.toMatchObject({ reason });
    await expect(carrier.cancel('order-1', gone)).rejects.toMatchObject({ reason });
    await expect(carrier.find('order-1', gone)).rejects.toMatchObject({ reason });
    expect(await simulated.liveShipments()).toEqual(['order-1']);
  });
});
