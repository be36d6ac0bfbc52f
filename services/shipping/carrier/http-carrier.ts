import { storableText } from '../../../mesh/storage/storable-text.ts';
import { carrierUnavailable } from '../errors.ts';
import type { Booking, BookingOutcome, Carrier } from './carrier.ts';

/** A third party's answer is never longer than this. */
const maxAnswerBytes = 256 * 1024;

/** The longest text of a third party that is kept; error messages have it too, and those go as headers. */
const maxTextLength = 500;

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
      if (response.status === 200 || response.status === 201) return takenOf(await readAnswer(response));
      if (response.status === 409 || response.status === 422) return refusedOf(await readAnswer(response));
      await dropBody(response);
      throw carrierUnavailable(`answered HTTP ${response.status}`);
    },
    async cancel(reference, signal) {
      const response = await call('DELETE', `shipments/${encodeURIComponent(reference)}`, undefined, signal);
      await dropBody(response);
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
  const carrier = textOf(answer, 'carrier');
  const trackingNumber = textOf(answer, 'tracking_number');
  if (carrier && trackingNumber) return { taken: true, carrier, trackingNumber };
  throw carrierUnavailable('sent an answer without carrier or tracking_number');
}

function refusedOf(answer: unknown): BookingOutcome {
  return { taken: false, refusal: textOf(answer, 'message') ?? 'it gave no reason' };
}

async function readAnswer(response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body ?? []) {
      length += chunk.byteLength;
      if (length > maxAnswerBytes) break;
      chunks.push(chunk);
    }
    if (length <= maxAnswerBytes) return JSON.parse(Buffer.concat(chunks).toString());
  } catch (error) {
    throw carrierUnavailable('sent an answer that cannot be read', error);
  }
  throw carrierUnavailable(`sent an answer of more than ${maxAnswerBytes} bytes`);
}

/** Lets the connection go that an answer came on. */
async function dropBody(response: Response): Promise<void> {
  try {
    await response.body?.cancel();
  } catch (error) {
    throw carrierUnavailable('broke off its answer', error);
  }
}

/** A text of an answer, fit to be stored and sent on; `undefined` when there is none. */
function textOf(answer: unknown, member: string): string | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const value: unknown = Reflect.get(answer, member);
  return typeof value === 'string' && value !== '' ? storableText(value.slice(0, maxTextLength)) : undefined;
}
