import { responseUnreadable } from './errors.ts';
import { parseBody, type RawResponse } from './response-body.ts';
import type { RestResponse } from './rest-client.ts';
import { nameOf, type RestCall, RestError } from './rest-error.ts';

/**
 * Returns a response with its JSON. An expected status other than 2xx may come with any body, such as the page of a proxy: one
 * that is not JSON is `undefined`. Throws a RestError with INTERNAL `RESPONSE_UNREADABLE`.
 */
export function readResponse(call: RestCall, response: RawResponse): RestResponse<unknown> {
  const { status, headers } = response;
  const parsed = parseBody(response);
  if ('json' in parsed) return { status, headers, data: parsed.json };
  if (status < 200 || status > 299) return { status, headers, data: undefined };
  throw new RestError(call, responseUnreadable({ ...nameOf(call), problem: parsed.problem }), { status });
}
