import http from 'node:http';
import https from 'node:https';
import { type MeshError, storableText } from '#mesh';
import { carrierUnavailable, carrierUnreachable } from '../errors.ts';
import type { Booking, BookingOutcome, Carrier } from './carrier.ts';

/** The maximum size of a response of the carrier. */
const maxAnswerBytes = 256 * 1024;

/** The maximum length of a stored text of the carrier. Error messages contain it, and are sent as headers. */
const maxTextLength = 500;

/** The number of connections, so of concurrent bookings; others wait. */
const maxSockets = 16;

/** Calls the carrier's REST API at `baseUrl`: keep-alive, no redirects, bounded responses, cancelled with the caller. */
export function createHttpCarrier(baseUrl: string): Carrier {
  const { Agent, request } = new URL(baseUrl).protocol === 'https:' ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets });
  const call = (method: string, path: string, body: unknown, signal: AbortSignal): Promise<http.IncomingMessage> =>
    new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' };
      request(new URL(path, baseUrl), { method, headers, agent, signal })
        .on('response', resolve)
        .on('error', (error) => reject(unanswered(error)))
        .end(body === undefined ? undefined : JSON.stringify(body));
    });
  return {
    async book(booking, signal) {
      const response = await call('PUT', `shipments/${encodeURIComponent(booking.reference)}`, bodyOf(booking), signal);
      const status = response.statusCode;
      if (status === 200 || status === 201) return takenOf(await readAnswer(response));
      if (status === 409 || status === 422) return refusedOf(await readAnswer(response));
      response.destroy();
      throw carrierUnavailable({ failure: `answered HTTP ${status}` });
    },
    async cancel(reference, signal) {
      const response = await call('DELETE', `shipments/${encodeURIComponent(reference)}`, undefined, signal);
      const status = response.statusCode ?? 0;
      response.destroy();
      if ((status < 200 || status > 299) && status !== 404)
        throw carrierUnavailable({ failure: `answered HTTP ${status}` });
    },
  };
}

const noConnection = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

function unanswered(error: NodeJS.ErrnoException): MeshError {
  const { code = '' } = error;
  return noConnection.has(code)
    ? carrierUnreachable({ errno: code }, { cause: error })
    : carrierUnavailable({ failure: 'did not answer' }, { cause: error });
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
  throw carrierUnavailable({ failure: 'sent an answer without carrier or tracking_number' });
}

function refusedOf(answer: unknown): BookingOutcome {
  return { taken: false, refusal: textOf(answer, 'message') ?? 'it gave no reason' };
}

async function readAnswer(response: http.IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxAnswerBytes) break;
      chunks.push(chunk);
    }
    if (length <= maxAnswerBytes) return JSON.parse(Buffer.concat(chunks).toString());
  } catch (error) {
    throw carrierUnavailable({ failure: 'sent an answer that cannot be read' }, { cause: error });
  }
  throw carrierUnavailable({ failure: `sent an answer of more than ${maxAnswerBytes} bytes` });
}

/** Returns a text of a response that can be stored and sent on; undefined if there is none. */
function textOf(answer: unknown, member: string): string | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const value: unknown = Reflect.get(answer, member);
  return typeof value === 'string' && value !== '' ? storableText(value.slice(0, maxTextLength)) : undefined;
}
