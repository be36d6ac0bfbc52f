import type { EngineName } from '../../../mesh/engines/engines.ts';

const forgotten = 'nghttp2, used by node:http2, ignores frames of streams that it has forgotten';
const priority = 'nghttp2, used by node:http2, ignores PRIORITY, which RFC 9113 deprecates';

/** The h2spec cases that each engine fails, by id, with the reason. An engine that is not listed passes all. */
export const expectedFailures: Readonly<Partial<Record<EngineName, Readonly<Record<string, string>>>>> = {
  'grpc-js': {
    'http2/5.1/8': forgotten,
    'http2/5.1/9': forgotten,
    'http2/5.1/11': forgotten,
    'http2/5.1/12': forgotten,
    'http2/5.1.1/2': `${forgotten}, and treats a stream with a lower id than the last as one of these`,
    'http2/5.3.1/2': priority,
    'http2/6.3/1': priority,
    'http2/6.7/2': 'Node closes a connection that acknowledges a PING it has not sent',
    'http2/6.9.1/3': 'Node closes the connection, not only the stream whose window grows too large',
  },
};
