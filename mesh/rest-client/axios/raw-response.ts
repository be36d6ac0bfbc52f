import type { AxiosResponse } from 'axios';
import type { RawResponse } from '../response-body.ts';

/** Whether the body of a response arrived completely. */
export function isComplete(response: AxiosResponse<unknown> | undefined): response is AxiosResponse<Buffer> {
  return Buffer.isBuffer(response?.data);
}

export function toRawResponse({ status, headers, data }: AxiosResponse<Buffer>): RawResponse {
  return {
    status,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)])),
    body: data,
  };
}
