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
  afterAll(async () => {
    carrier.close();
    await server.close();
  });

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

  it('does not take a 409 for a refusal while its first request is in progress', async () => {
    server.behave(({ response }) => {
      const headers = { 'content-type': 'application/json', 'retry-after': '2' };
      response.writeHead(409, headers).end('{"message": "in progress"}');
    });
    const waiting = { ...unknown, retryAfterMs: 2_000 };
    await expect(carrier.book(booking, signal)).rejects.toMatchObject(waiting);
  });

  /** Answers with the page of a proxy in between. */
  const page =
    (status: number) =>
    ({ response }: CarrierRequest) =>
      void response.writeHead(status, { 'content-type': 'text/html' }).end('<html>');

  it.each([409, 422])('does not take a page with HTTP %i for a refusal', async (status) => {
    server.behave((request) => {
      request.act();
      return request.method === 'PUT' ? page(status)(request) : request.answer();
    });
    await expect(carrier.book(booking, signal)).resolves.toMatchObject({ taken: true });
  });

  it.each([200, 404, 410])('does not take a page with HTTP %i for a cancellation', async (status) => {
    await carrier.book(booking, signal);
    server.behave((request) => (request.method === 'DELETE' ? page(status)(request) : request.answer()));
    await expect(carrier.cancel('order-1', signal)).rejects.toMatchObject(unknown);
  });

  it('does not take a page with HTTP 410 for one when it looks it up', async () => {
    server.behave(page(410));
    await expect(carrier.find('order-1', signal)).rejects.toMatchObject(unknown);
    await expect(carrier.cancel('order-1', signal)).rejects.toMatchObject(unknown);
  });

  it.each([204, 404, 410])('takes HTTP %i without a body for a cancellation', async (status) => {
    server.behave(({ response }) => void response.writeHead(status, { 'content-length': '0' }).end());
    await expect(carrier.cancel('order-1', signal)).resolves.toBeUndefined();
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

  it('sends the reference as the Idempotency-Key of a booking', async () => {
    let key: string | string[] | undefined;
    server.behave(({ headers, answer }) => {
      key = headers['idempotency-key'];
      answer();
    });
    await carrier.book(booking, signal);
    expect(key).toBe('order-1');
  });

  it('returns what the carrier has after an answer for another reference', async () => {
    server.behave(({ method, response, answer, act }) => {
      act();
      const other = { reference: 'order-2', carrier: 'test', tracking_number: 'T-order-2' };
      return method === 'PUT' ? answerJson(response, 201, other) : answer();
    });
    await expect(carrier.book(booking, signal)).resolves.toMatchObject({ trackingNumber: 'T-order-1' });
  });

  it('names its setting if it cannot be reached', async () => {
    const gone = await startTestCarrier();
    await gone.close();
    const unreachable = createHttpCarrier(gone.url);
    for (const call of [unreachable.book(booking, signal), unreachable.find('order-1', signal)]) {
      await expect(call).rejects.toMatchObject({
        ...unknown,
        message: expect.stringMatching(/^carrier cannot be reached \(ECONNREFUSED\): .*check CARRIER_URL$/),
      });
    }
    unreachable.close();
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

  describe('looking up a reference', () => {
    it('returns its booking', async () => {
      await carrier.book(booking, signal);
      const found = { taken: true, carrier: 'test', trackingNumber: 'T-order-1' };
      await expect(carrier.find('order-1', signal)).resolves.toEqual(found);
    });

    it.each([404, 405, 501])('returns nothing on HTTP %i', async (status) => {
      server.behave(({ response }) => void response.writeHead(status).end('<html>'));
      await expect(carrier.find('order-1', signal)).resolves.toBeUndefined();
    });

    it('returns a refusal if it was cancelled', async () => {
      server.behave(answering(410, { message: 'cancelled by phone' }));
      const found = { taken: false, refusal: 'cancelled by phone' };
      await expect(carrier.find('order-1', signal)).resolves.toEqual(found);
    });

    it.each<[string, number, unknown]>([
      ['another status', 400, {}],
      ['no tracking number', 200, { carrier: 'test' }],
      ['another reference', 200, { reference: 'order-2', carrier: 'test', tracking_number: 'T-order-2' }],
    ])('is unclear with %s', async (_, status, body) => {
      server.behave(answering(status, body));
      await expect(carrier.find('order-1', signal)).rejects.toMatchObject(unknown);
    });
  });

  it('leaves the outcome of a cancellation unknown on HTTP 500', async () => {
    server.behave(answering(500, {}));
    await expect(carrier.cancel('order-1', signal)).rejects.toMatchObject(unknown);
  });

  it.each([
    ['is done', 'reports that it was', 410],
    ['is unknown', 'has nothing', 404],
  ])('a cancellation without an answer %s if the carrier then %s', async (outcome, _, status) => {
    server.behave(({ method, response }) => {
      if (method === 'DELETE') response.destroy();
      else answerJson(response, status, {});
    });
    const cancellation = expect(carrier.cancel('order-1', signal));
    await (outcome === 'is done' ? cancellation.resolves.toBeUndefined() : cancellation.rejects.toMatchObject(unknown));
  });
});
