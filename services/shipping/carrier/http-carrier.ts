import { carrierUnavailable } from '../errors.ts';
import type { Booking, BookingOutcome, Carrier } from './carrier.ts';

/** A third party's answer is never longer than this. */
const maxAnswerBytes = 256 * 1024;

/** The carrier's REST API at `baseUrl`, through fetch: no redirects, bounded answers, cancelled with the caller. */
export function createHttpCarrier(baseUrl: string): Carrier {
  const call = async (method: string, path: string, body: unknown, signal: AbortSignal): Promise<Response> => {
    try {
      return await fetch(new URL(path, baseUrl), {
        method,
        redirect: 'error',
        signal,
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      });
    } catch (error) {
      throw carrierUnavailable('did not answer', error);
    }
  };
  return {
    async book(booking, signal) {
      const response = await call('PUT', `shipments/${encodeURIComponent(booking.reference)}`, bodyOf(booking), signal);
      const answer = await readAnswer(response);
      if (response.status === 200 || response.status === 201) return takenOf(answer);
      if (response.status === 409 || response.status === 422)
        return { taken: false, refusal: textOf(answer, 'message') };
      throw carrierUnavailable(`answered HTTP ${response.status}`);
    },
    async cancel(reference, signal) {
      const response = await call('DELETE', `shipments/${encodeURIComponent(reference)}`, undefined, signal);
      await response.body?.cancel();
      if (!response.ok && response.status !== 404) throw carrierUnavailable(`answered HTTP ${response.status}`);
    },
  };
}

function bodyOf({ address }: Booking): unknown {
  return {
    recipient: address.recipient,
    lines: address.lines,
    city: address.city,
    postal_code: address.postalCode,
    country_code: address.countryCode,
  };
}

function takenOf(answer: unknown): BookingOutcome {
  return { taken: true, carrier: textOf(answer, 'carrier'), trackingNumber: textOf(answer, 'tracking_number') };
}

async function readAnswer(response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body ?? []) {
      length += chunk.byteLength;
      if (length > maxAnswerBytes) throw carrierUnavailable('sent an answer that is too long');
      chunks.push(chunk);
    }
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch (error) {
    throw carrierUnavailable('sent an answer that cannot be read', error);
  }
}

function textOf(answer: unknown, member: string): string {
  if (typeof answer === 'object' && answer !== null) {
    const value: unknown = Reflect.get(answer, member);
    if (typeof value === 'string' && value !== '') return value;
  }
  throw carrierUnavailable(`sent an answer without ${member}`);
}
