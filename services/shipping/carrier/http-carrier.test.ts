import { Status } from 'nice-grpc';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { answerJson, type CarrierRequest, startTestCarrier, type TestCarrier } from '../testing/test-carrier.ts';
import type { Carrier } from './carrier.ts';
import { createHttpCarrier } from './http-carrier.ts';

const address = { recipient: 'Ada', lines: ['1 Main St'], city: 'Berlin', postalCode: '10115', countryCode: 'DE' };
const booking = { reference: 'order-1', address };
const unknown = { code: Status.UNAVAILABLE, reason: 'CARRIER_UNAVAILABLE' };
const { signal } = new AbortController();

describe('a carrier over HTTP', () => {
  let server: TestCarrier;
  let carrier: Carrier;

  beforeAll(async () => {
    server = await startTestCarrier();
    carrier = createHttpCarrier(server.url);
  });
  afterEach(() => server.behave(undefined));
  afterAll(() => server.close());

  const answering =
    (status: number, body: unknown) =>
    ({ response }: CarrierRequest) =>
      answerJson(response, status, body);

  it('accepts a booking', async () => {
    await expect(carrier.book(booking, signal)).resolves.toEqual({
      taken: true,
      carrier: 'test',
      trackingNumber: 'T-order-1',
    });
  });

  it.each([409, 422])('refuses a booking with HTTP %i and a reason', async (status) => {
    server.behave(answering(status, { message: 'too heavy' }));
    await expect(carrier.book(booking, signal)).resolves.toEqual({ taken: false, refusal: 'too heavy' });
  });

  it('may refuse a booking without a reason', async () => {
    server.behave(answering(422, {}));
    await expect(carrier.book(booking, signal)).resolves.toEqual({ taken: false, refusal: 'it gave no reason' });
  });

  it('limits a reason to 500 characters that a database can store', async () => {
    server.behave(answering(422, { message: `a\0b${'x'.repeat(10_000)}` }));
    const refusal = `a\uFFFDb${'x'.repeat(497)}`;
    await expect(carrier.book(booking, signal)).resolves.toEqual({ taken: false, refusal });
  });

  const faults: Record<string, (request: CarrierRequest) => void> = {
    'breaks off before its answer': ({ response }) => void response.destroy(),
    'breaks off in its answer': ({ response }) => {
      response.writeHead(201, { 'content-length': '100' }).write('{', () => response.destroy());
    },
    'answers 503': answering(503, { message: 'try later' }),
    'answers 404': answering(404, {}),
    'answers with something else than JSON': ({ response }) => void response.writeHead(201).end('<html>'),
    'answers with JSON that is no object': answering(201, null),
    'answers without a tracking number': answering(201, { carrier: 'test' }),
    'answers with a tracking number that is no text': answering(201, { carrier: 'test', tracking_number: 7 }),
    'answers without an end': ({ response }) => {
      const goOn = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      };
      response.writeHead(201).on('drain', goOn);
      goOn();
    },
    'sends its caller elsewhere': ({ response }) => void response.writeHead(307, { location: '/elsewhere' }).end(),
  };
  it.each(Object.keys(faults))('leaves unknown whether it acted when it %s', async (fault) => {
    server.behave(faults[fault]);
    await expect(carrier.book(booking, signal)).rejects.toMatchObject(unknown);
    expect(server.requests).not.toContain('PUT elsewhere');
  });

  it('names its setting if it cannot be reached', async () => {
    const gone = await startTestCarrier();
    await gone.close();
    await expect(createHttpCarrier(gone.url).book(booking, signal)).rejects.toMatchObject({
      ...unknown,
      message: expect.stringMatching(/^carrier cannot be reached \(ECONNREFUSED\): .*check CARRIER_URL$/),
    });
  });

  it('aborts its call when the caller gives up', async () => {
    const ending = new AbortController();
    const hungUp = Promise.withResolvers<void>();
    server.behave(({ response }) => {
      response.once('close', hungUp.resolve);
      ending.abort();
    });
    await expect(carrier.book(booking, ending.signal)).rejects.toMatchObject(unknown);
    await hungUp.promise;
  });

  it('cancels, even if it does not know the reference', async () => {
    await carrier.book(booking, signal);
    await carrier.cancel('order-1', signal);
    expect(server.live.has('order-1')).toBe(false);
    await expect(carrier.cancel('order-1', signal)).resolves.toBeUndefined();
  });

  it('leaves the outcome of a cancellation unknown on HTTP 500', async () => {
    server.behave(answering(500, {}));
    await expect(carrier.cancel('order-1', signal)).rejects.toMatchObject(unknown);
  });
});
