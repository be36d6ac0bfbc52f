import type { EngineName } from '../../../mesh/engines/engines.ts';

const forgotten = 'nghttp2, below node:http2, takes no notice of frames of a stream that it has forgotten';
const priority = 'nghttp2, below node:http2, takes no notice of PRIORITY, which RFC 9113 has deprecated';

/** The cases of h2spec that each engine fails, by their id, and why. An engine that is not here fails none. */
export const expectedFailures: Readonly<Partial<Record<EngineName, Readonly<Record<string, string>>>>> = {
  'grpc-js': {
    'http2/5.1/8': forgotten,
    'http2/5.1/9': forgotten,
    'http2/5.1/11': forgotten,
    'http2/5.1/12': forgotten,
    'http2/5.1.1/2': `${forgotten}, and takes a stream with a lower number than the last for one of these`,
    'http2/5.3.1/2': priority,
    'http2/6.3/1': priority,
    'http2/6.7/2': 'Node ends a connection that acknowledges a PING it has not sent',
    'http2/6.9.1/3': 'Node ends the connection, and not only the stream, whose window grows too large',
  },
};
